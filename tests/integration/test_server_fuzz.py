"""Bodies that were damaged, JSON and Arrow, against the running API: refused or answered, and nothing is kept."""

import json
import os
import random
from pathlib import Path

import pyarrow as pa
import pytest

from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.media import ARROW_STREAM, JSON

BODIES = 400
TEXTS = ["아버지가 방에 들어가신다", None, "", "👍🏽 e\u0301", "x" * 300]


def _json(chance):
    members = {
        "texts": chance.sample(TEXTS, 3),
        "fields": chance.choice([["form"], ["form", "tag", "start"], None]),
        "tags": chance.choice([["NNG"], None]),
        "top_n": chance.choice([1, 3, None]),
        "z_coda": chance.choice([True, False, None]),
    }
    return json.dumps(_changed(members, chance), ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")


def _changed(value, chance):
    """Return the value with something of another type put in at some depth, now and then."""
    if chance.random() < 0.1:
        return chance.choice([0, -1, 1e308, True, None, "", "NNG", [], {}, [[]], {"a": {"b": []}}, "\ud83d", 10**400])
    if isinstance(value, dict):
        return {name: _changed(one, chance) for name, one in value.items()}
    if isinstance(value, list):
        return [_changed(one, chance) for one in value]
    return value


def _arrow(chance):
    kinds = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.int32(), pa.list_(pa.string())]
    kind = chance.choice(kinds[:3] if chance.random() < 0.7 else kinds)
    values = chance.sample(TEXTS, 3) if kind in kinds[:3] else [None] * 3
    column = pa.array(values, kind)
    if chance.random() < 0.2 and kind == pa.string():
        column = column.dictionary_encode()
    if kind == pa.string() and chance.random() < 0.5 and not pa.types.is_dictionary(column.type):
        return encode_request(column)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=chance.choice([None, "lz4", "zstd"]))
    batch = pa.record_batch([column.slice(chance.randint(0, 2))], names=[chance.choice(["text", "text", "words"])])
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _damaged(body, chance):
    """Return the body as it is, or with bytes changed, cut out, doubled or added."""
    content = bytearray(body)
    for _ in range(chance.choice([0, 0, 1, 1, 2, 8])):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(5):
            case 0 if at < len(content):
                content[at] ^= 1 << chance.randrange(8)
            case 1:
                del content[at:]
            case 2:
                content[at:at] = chance.randbytes(chance.randint(1, 16))
            case 3:
                content[at:at] = content[at : at + chance.randint(1, 64)]
            case _ if at + 4 <= len(content):
                content[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"])
    return bytes(content)


@pytest.mark.parametrize(("make", "type_"), [(_json, JSON), (_arrow, ARROW_STREAM)])
@pytest.mark.parametrize("path", ["analyze", "sentences", "space"])
def test_whatever_is_sent_is_refused_or_answered(api, make, type_, path):
    chance = random.Random(f"{path} {type_}")
    before_bytes = _resident_bytes(api.process.pid)
    statuses = set()
    for _ in range(BODIES // 6):
        body = _damaged(make(chance), chance)
        answer = api.http.request("POST", f"{api.url}/v1/{path}", body=body, headers={"Content-Type": type_})
        statuses.add(answer.status)
        assert answer.status < 500, (path, body)
        if answer.status != 200:
            assert answer.json()["code"] in {
                "invalid_request", "unknown_field", "unknown_analyzer", "request_too_large",
            }  # fmt: skip
    assert 400 in statuses
    assert _resident_bytes(api.process.pid) < before_bytes + 100 * 2**20
    assert api.ask({"texts": ["가"]}).status == 200


def _resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
