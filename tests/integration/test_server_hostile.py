"""A thousand hostile documents among ordinary ones: no request fails, no neighbour is lost, no memory is kept."""

import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from nlpbatch.wire.arrow import decode_answer
from nlpbatch.wire.options import Options
from tests.fakes.hostile import hostile_documents, ordinary_documents
from tests.fakes.running_api import children, eventually, running_api

HOSTILE = 1_000
PER_REQUEST = 25
CONFIG = """
[pool]
workers = 2
[limits]
document_s = 20
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with running_api("kiwi", tmp_path_factory.mktemp("api"), CONFIG) as running:
        yield running


def resident_bytes(api):
    forkserver = api.forkserver()
    pids = [api.process.pid, forkserver, *children(forkserver)]
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * os.sysconf("SC_PAGE_SIZE")


def asked(api, texts):
    """Ask in Arrow, whose strings may be any bytes; return a row for each."""
    array = pa.array(texts, pa.binary()).view(pa.string())
    answer = api.ask_arrow(array, "?fields=form,start,end")
    assert answer.status == 200
    return decode_answer(
        answer.data, documents=len(texts), options=Options(fields=("form", "start", "end"))
    ).to_pylist()


def test_hostile_documents_harm_nobody_but_themselves(api, kiwi):
    hostile = hostile_documents(HOSTILE)
    ordinary = list(ordinary_documents(HOSTILE))
    expected = [[(one.form, one.start, one.end) for one in row] for row in kiwi.tokenize(ordinary)]
    asked(api, [text.encode() for text in ordinary])  # what the service takes for ordinary work
    before_bytes = resident_bytes(api)
    codes = Counter()
    for start in range(0, HOSTILE, PER_REQUEST):
        part = range(start, start + PER_REQUEST)
        rows = asked(api, [text for n in part for text in (hostile[n][1], ordinary[n].encode())])
        for n, row, neighbour in zip(part, rows[::2], rows[1::2], strict=True):
            assert neighbour["error"] is None, hostile[n][0]
            assert [tuple(token.values()) for token in neighbour["tokens"]] == expected[n], hostile[n][0]
            if row["error"] is not None:
                codes[row["error"]["code"]] += 1
                continue
            text = hostile[n][1].decode()
            assert all(0 <= one["start"] <= one["end"] <= len(text) for one in row["tokens"]), hostile[n][0]
    assert set(codes) <= {"invalid_text", "deadline_exceeded", "memory_exceeded"}
    assert codes["invalid_text"] < HOSTILE / 10
    print(dict(codes))
    api.wait_for_workers(2)
    eventually(lambda: resident_bytes(api) < 1.1 * before_bytes)
    assert api.metric("nlpbatch_workers_busy") == 0


def test_a_broken_surrogate_in_one_of_500_costs_that_one(api):
    texts = [f"문장 {number}" for number in range(499)]
    answer = api.ask(b'{"texts": ["' + '", "'.join(texts).encode() + b'", "\\ud83d x"], "fields": ["form"]}')
    assert answer.status == 200
    codes = [outcome["error"] and outcome["error"]["code"] for outcome in answer.json()["outcomes"]]
    assert codes == [None] * 499 + ["invalid_text"]
