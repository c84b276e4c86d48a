"""What an analyzer offers, against what it is asked for; a client of this version meets older and newer services."""

import pyarrow as pa
import pytest

from nlpbatch.errors import UnexpectedAnswer, UnknownOperation
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.options import Options
from nlpbatch.wire.options.offered import resolve

SIZE = {"name": "size", "path": "/v1/call", "meaning": "", "result": {"struct": {"label": "string"}}}
WORDS = {"name": "words", "path": "/v1/call", "meaning": "", "result": {"list": {"struct": {"at": "int64"}}}}
ANALYZE = {"name": "analyze", "path": "/v1/analyze", "meaning": "tokens", "result": None}
BEFORE = {"name": "own", "fingerprint": "f1", "engine": "e", "model": "m", "options": {}, "fields": ["form", "tag"]}


def info(*operations, **changes):
    return AnalyzerInfo.from_json({**BEFORE, "operations": list(operations), "tagset": "", **changes})


def test_a_call_gets_its_type_and_the_name_of_the_only_operation():
    found = resolve(Options("call", called="words"), info(SIZE, WORDS))
    assert (found.called, found.result_type) == ("words", pa.list_(pa.struct([("at", pa.int64())])))
    assert resolve(Options("call"), info(SIZE)).called == "size"
    assert resolve(found, info(SIZE, WORDS)) == found


@pytest.mark.parametrize(
    ("called", "operations", "says"),
    [
        ("judge", (SIZE, WORDS), "'own' has no operation 'judge': choose from size, words"),
        ("", (SIZE, WORDS), "'own' has 2 operations: choose from size, words"),
        ("", (ANALYZE,), r"has no operations to call: choose from analyze \(POST /v1/analyze\)"),
        ("analyze", (ANALYZE,), "has no operations to call"),
        ("size", (), "no operations to call: its service is of an earlier version, which has none"),
    ],
)
def test_what_can_not_be_called_is_named_with_the_choice(called, operations, says):
    with pytest.raises(UnknownOperation, match=says):
        resolve(Options("call", called=called), info(*operations))


def test_a_service_of_an_earlier_version_is_asked_for_tokens_as_before():
    asked = Options(fields=("form",), kiwi={"normalize_coda": True})
    assert resolve(asked, AnalyzerInfo.from_json(BEFORE)) == asked


def test_functions_are_not_asked_for_tokens():
    with pytest.raises(UnknownOperation, match=r"doesn't offer analyze: choose from size \(POST /v1/call\)"):
        resolve(Options(), info(SIZE))


def test_what_a_newer_service_says_beside_is_left():
    assert resolve(Options("call"), info(SIZE | {"since": "2.0"})).called == "size"


@pytest.mark.parametrize(
    "stated",
    [
        {"struct": {"when": "timestamp"}},
        {"struct": {"by": {"map": {"string": "int32"}}}},
        {"struct": {}},
        {"struct": {"a": "string"}, "list": "string"},
        "string",
        ["string"],
        {"list": {"list": "string"}},
        {"struct": {"a": 7}},
        {"struct": ["a"]},
    ],
)
def test_a_type_of_a_newer_service_is_refused_with_the_remedy(stated):
    with pytest.raises(UnexpectedAnswer, match="install the service's version of nlpbatch"):
        resolve(Options("call"), info(SIZE | {"result": stated}))


def test_a_type_as_deep_as_a_bomb_is_refused():
    stated = "string"
    for _ in range(500):
        stated = {"list": stated}
    with pytest.raises(UnexpectedAnswer):
        resolve(Options("call"), info(SIZE | {"result": {"struct": {"a": stated}}}))
