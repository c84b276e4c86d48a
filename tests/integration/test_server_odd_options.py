"""Values that no option takes, and some that one does: all operations, both encodings, a real engine.

NLPBATCH_OPTION_FUZZ sets how many combinations are tried.
"""

import contextlib
import http.client
import json
import os
import random
import time
import urllib.parse
from typing import NamedTuple

import pyarrow as pa
import pytest

from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.media import ARROW_STREAM, JSON
from nlpbatch.wire.options import DOCUMENT_MEMBERS, OPERATIONS, options_of

COMBINATIONS = int(os.environ.get("NLPBATCH_OPTION_FUZZ", "400"))
SLOWEST_S = 1.0
TEXTS = ["아버지가 방에", None, ""]
DOCUMENTS = {"join": [[["방", "NNG"], ["에", "JKB"]], None, []], "glue": [["그 봉", "지 안에"], None, []]}
MORPHEMES = pa.list_(pa.struct([("form", pa.string()), ("tag", pa.string())]))
STRINGS = [
    "", " ", "default", "NNG", "방/NNG", "1/2", "가/VV-X", "/", "//SP", "/SP", "가/", "\ud83d", "가/NNG\ud800", "a\0b",
    "\ufeff", "x" * 101, "가,나", "[", '["가"]', "true", "null", "1", "1e400", "none", "all", "rule", "basic", "jeju",
    "form", "\U0010ffff", "\n", "%", "%ED%A0%BD",
]  # fmt: skip
ODD = [
    None, True, False, 0, 1, -1, 2, 10**9, 10**400, 2.5, 1e308, float("nan"), float("inf"), [], {}, [[]], [None], [0],
    {"a": 1}, [["가", "NNG"]], [True], ["x"] * 1001,
]  # fmt: skip


def _value(chance):
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(ODD)
    if kind == 1:
        return chance.choice(STRINGS)
    return [chance.choice(STRINGS) for _ in range(chance.randint(1, 3))]


def _likely(option, chance):
    """Return a value that the option takes."""
    if option.choices:
        value = chance.choice(option.choices)
        return value if option.kind == "string" else [value]
    return {
        "boolean": chance.choice([True, False]),
        "integer": chance.choice([option.minimum, min(option.maximum, 10)]),
        "number": chance.choice([option.minimum, 2.5, option.maximum]),
        "string": "default",
        "strings": [chance.choice(["가", "방/NNG", "//SP"])],
    }[option.kind]


def _given(operation, chance):
    options = chance.sample(options_of(operation), min(len(options_of(operation)), chance.randint(1, 3)))
    odd = chance.randrange(len(options) + 1)
    given = {option.name: _likely(option, chance) for option in options}
    if odd < len(options):
        given[options[odd].name] = _value(chance)
    return given


def _json(api, operation, given, chance):
    documents = {DOCUMENT_MEMBERS[operation][0]: DOCUMENTS.get(operation, TEXTS)}
    content = json.dumps(documents | given, ensure_ascii=chance.random() < 0.5)
    body = content.encode("utf-8", "surrogatepass")
    return api.http.request("POST", f"{api.url}/v1/{operation}", body=body, headers={"Content-Type": JSON})


def _arrow(api, operation, given, chance):
    pairs = []
    for name, value in given.items():
        text = json.dumps(value) if isinstance(value, dict) or chance.random() < 0.3 else _query_text(value)
        escaped = urllib.parse.quote(text.encode("utf-8", "surrogatepass"))
        pairs.append(f"{name}={escaped}{chance.choice(['', '', '', '', '%', '%zz', '%FF'])}")
    return _raw(api, f"/v1/{operation}?{'&'.join(pairs)}", _column(operation), operation)


def _column(operation):
    if operation == "join":
        rows = [row and [dict(zip(("form", "tag"), pair, strict=True)) for pair in row] for row in DOCUMENTS["join"]]
        return pa.array(rows, MORPHEMES)
    return pa.array(DOCUMENTS["glue"] if operation == "glue" else TEXTS)


def _raw(api, target, documents, operation="analyze"):
    """POST an Arrow request to a target as it is; urllib3 would mend its escapes."""
    body = encode_request(documents, operation)
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", target, body, {"Content-Type": ARROW_STREAM})
        answer = connection.getresponse()
        return _Answer(answer.status, answer.read())


class _Answer(NamedTuple):
    status: int
    data: bytes

    def json(self):
        return json.loads(self.data)


def _query_text(value):
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("send", [_json, _arrow], ids=["json", "arrow"])
@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one != "call"])
def test_no_value_of_an_option_costs_a_worker_or_more_than_a_second(api, operation, send):
    chance = random.Random(f"{operation} {send.__name__}")
    workers, lost = set(api.workers()), api.metric("nlpbatch_workers_lost_total")
    statuses = []
    for _ in range(max(1, COMBINATIONS // (2 * len(OPERATIONS)))):
        given = _given(operation, chance)
        started_s = time.monotonic()
        answer = send(api, operation, given, chance)
        assert time.monotonic() - started_s < SLOWEST_S, given
        assert answer.status in {200, 400, 404, 422}, (given, answer.data)
        if answer.status != 200:
            fault = answer.json()
            assert fault["code"] in {"invalid_request", "invalid_option", "unknown_field", "unknown_analyzer"}, fault
            assert "HTTP/1.1" not in fault["detail"], (given, fault)
            assert any(name in fault["detail"] for name in (*given, "field", "member", "parameter", "body")), fault
        statuses.append(answer.status)
    assert 200 in statuses
    assert {400, 422} & set(statuses)
    assert (set(api.workers()), api.metric("nlpbatch_workers_lost_total")) == (workers, lost)


@pytest.mark.parametrize("operation", ["analyze", "sentences"])
def test_a_blocked_morpheme_that_kiwi_does_not_know_is_named_at_once(api, operation):
    workers = set(api.workers())
    target = f"/v1/{operation}?blocklist={urllib.parse.quote('가,1/2')}"
    given = {"blocklist": ["가", "1/2"]}
    for send in (lambda: _json(api, operation, given, random.Random(3)), lambda: _raw(api, target, pa.array(TEXTS))):
        started_s = time.monotonic()
        answer = send()
        assert time.monotonic() - started_s < SLOWEST_S
        assert answer.status == 422
        assert answer.json()["code"] == "invalid_option"
        assert answer.json()["detail"].startswith("blocklist[1] is '1/2': there is no tag '2'")
    assert set(api.workers()) == workers


@pytest.mark.parametrize(
    ("body", "status", "wanted"),
    [
        (b'{"texts":["x"],"analyzer":"\\ud83d"}', 422, "analyzer is '\\ud83d', which is not Unicode"),
        (b'{"texts":["x"],"fields":["\\ud83d"]}', 422, "unknown token field '\\ud83d'"),
        (b'{"texts":["x"],"\\ud83d":1}', 400, "unknown member '\\ud83d'"),
        (b'{"texts":["x"],"oov_handling":"\\ud83d"}', 422, "oov_handling is '\\ud83d', which is not Unicode"),
        (b'{"texts":["x"],"tags":["\\ud83d"]}', 400, "tags has '\\ud83d'"),
        (b'{"texts":["x"],"blocklist":["\\ud83d"]}', 422, "blocklist[0] is '\\ud83d', which is not Unicode"),
    ],
)
def test_a_lone_surrogate_is_refused_where_it_is(api, body, status, wanted):
    answer = api.ask(body)
    assert answer.status == status
    assert wanted in answer.json()["detail"]
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("analyzer=%ED%A0%BD", "the query parameter 'analyzer' is not UTF-8: byte 0 is 0xED"),
        ("fields=form%2", "the query parameter 'fields' has the escape '%2'"),
        ("fields=%zz", "the query parameter 'fields' has the escape '%zz'"),
        ("%FF=1", "is not UTF-8: byte 0 is 0xFF"),
        ("fields=form&fields=tag", "the query parameter 'fields' comes twice"),
    ],
)
def test_a_query_that_is_not_utf_8_is_refused_where_it_is(api, query, wanted):
    answer = _raw(api, f"/v1/analyze?{query}", pa.array(["가"]))
    assert answer.status == 400
    assert wanted in answer.json()["detail"]


def test_lists_as_long_as_they_may_be_fit_into_a_query(api):
    words = ",".join(f"낱말{number}/NNG" for number in range(1000))
    answer = _raw(api, f"/v1/analyze?blocklist={urllib.parse.quote(words)}", pa.array(["가"]))
    assert answer.status == 200


def test_a_longer_query_is_refused_with_the_remedy(api):
    answer = _raw(api, f"/v1/analyze?blocklist={'x' * 70_000}", pa.array(["가"]))
    assert answer.status == 400
    assert answer.json()["detail"].startswith("the first line of the request, or a header, is over 65,536 bytes")
