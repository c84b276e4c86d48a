"""Operations of one's own through both clients, in JSON and Arrow, on a real service."""

import json

import pyarrow as pa
import pytest
import urllib3

from nlpbatch import AsyncClient, Client
from nlpbatch.errors import FingerprintMismatch, UnknownAnalyzer, UnknownOperation
from nlpbatch.wire.media import CALL_PATH, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, JSON, PRIORITY
from tests.fakes.own_nested import NESTED
from tests.fakes.own_operations import SIZE, WORDS
from tests.fakes.own_service import TEXTS, size_of


def test_the_catalogue_says_what_can_be_called(client):
    info = client.analyzers().get("own")
    assert [(one.name, one.path, one.meaning) for one in info.operations] == [
        ("size", "/v1/call", "how long a text is"),
        ("words", "/v1/call", "the words of a text"),
    ]
    assert (info.engine, info.fields, info.tagset) == ("python:measures:load", (), "")
    assert client.analyzers().get("other").fingerprint != info.fingerprint


def test_each_text_has_a_result_or_an_error_of_its_own(client):
    analysis = client.call(TEXTS, analyzer="own", operation="size")
    first, null, raised, wrong, empty, last = analysis
    assert first.result == size_of(TEXTS[0])
    assert (null.result, null.error) == (None, None)
    assert (empty.result, last.result) == (size_of(""), size_of(TEXTS[-1]))
    assert (raised.result, raised.error.code) == (None, "analysis_failed")
    assert "RuntimeError" in raised.error.message
    assert "secret" not in raised.error.message
    assert wrong.error.message.startswith("size returned what it doesn't declare: the result.label is a int")
    assert client.call(TEXTS[:1], analyzer="other", operation="size")[0].result == size_of(TEXTS[0], 3)


def test_arrow_has_the_declared_types_and_the_same_values(client):
    for operation, type_ in (("size", SIZE), ("words", WORDS)):
        table = client.call_arrow(pa.array(TEXTS), analyzer="own", operation=operation)
        assert table.schema.field("result").type == type_
        outcomes = client.call(TEXTS, analyzer="own", operation=operation)
        assert table.column("result").to_pylist() == [one.result for one in outcomes]
        codes = [error and error["code"] for error in table.column("error").to_pylist()]
        assert codes == [one.error and one.error.code for one in outcomes]


def test_nested_results_are_the_same_in_json_and_arrow_to_the_last_bit(client):
    table = client.call_arrow(pa.array(TEXTS), analyzer="single")
    assert table.schema.field("result").type == NESTED
    outcomes = client.call(TEXTS, analyzer="single", operation="nest")
    assert table.column("result").to_pylist() == [one.result for one in outcomes]
    first, empty = outcomes[0].result, outcomes[4].result
    assert first["of"]["of"]["big"] == 2**53 + 1
    assert (empty["parts"], empty["flags"], empty["ids"]) == ([], None, [None, []])


def test_streams_and_many_texts_keep_their_order(client):
    texts = [f"text {number}" for number in range(5000)]
    streamed = list(client.call(iter(texts), analyzer="own", operation="words"))
    assert [outcome.result[1]["word"] for outcome in streamed] == [str(number) for number in range(5000)]


async def test_the_asyncio_client_answers_the_same(own, client):
    async with AsyncClient(own.service, api_key=own.api_key) as other:
        analysis = await other.call(TEXTS, analyzer="own", operation="size")
        assert analysis == client.call(TEXTS, analyzer="own", operation="size")
        table = await other.call_arrow(pa.array(TEXTS), analyzer="own", operation="size")
        assert table.column("result").to_pylist() == [one.result for one in analysis]
        streamed = [outcome async for outcome in other.call(iter(TEXTS), analyzer="own", operation="size")]
        assert tuple(streamed) == analysis.outcomes


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"analyzer": "own"}, UnknownOperation, "has 2 operations: choose from size, words"),
        ({"analyzer": "own", "operation": "judge"}, UnknownOperation, "has no operation 'judge': choose from size"),
        ({"analyzer": "mine", "operation": "size"}, UnknownAnalyzer, "choose from own, other"),
        ({"analyzer": "own", "operation": "size", "if_match": "0" * 32}, FingerprintMismatch, "has fingerprint"),
    ],
)
def test_what_the_service_does_not_have_is_named_with_the_choice(client, given, error, says):
    with pytest.raises(error, match=says):
        client.call("가", **given)


def test_the_proxy_gives_an_answer_again_without_a_second_call(own):
    headers = {"Authorization": f"Bearer {own.api_key}", "Content-Type": JSON, IDEMPOTENCY_KEY: "once", PRIORITY: "u=6"}
    body = json.dumps({"texts": TEXTS, "analyzer": "own", "operation": "size"})
    with urllib3.PoolManager(retries=False) as http:

        def documents():
            lines = http.request("GET", f"{own.api}/metrics").data.decode().splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith("nlpbatch_documents_total{"))

        first = http.request("POST", own.service + CALL_PATH, body=body, headers=headers)
        before = documents()
        again = http.request("POST", own.service + CALL_PATH, body=body, headers=headers)
        assert (first.status, again.status) == (200, 200)
        assert again.json() == first.json()
        assert (first.headers.get(IDEMPOTENCY_REPLAYED), again.headers[IDEMPOTENCY_REPLAYED]) == (None, "true")
        assert before >= len(TEXTS)
        assert documents() == before


def test_tokens_of_functions_are_refused_with_what_there_is(client):
    with pytest.raises(UnknownOperation, match=r"doesn't offer analyze: choose from size \(POST /v1/call\), words"):
        client.analyze("가", analyzer="own")


def test_calls_of_kiwi_are_refused_with_what_there_is(stack):
    with (
        Client(stack.service, api_key=stack.api_key) as client,
        pytest.raises(UnknownOperation, match=r"has no operations to call: choose from analyze \(POST /v1/analyze\)"),
    ):
        client.call("가", analyzer="default")


def test_the_command_writes_results_for_people_and_programs(command):
    code, out, err = command("--analyzer", "own", "--operation", "words", "하나 Two", "")
    assert (code, err) == (0, "")
    assert [json.loads(line)["word"] for line in out.splitlines()] == ["하나", "Two", ""]
    code, out, err = command("--analyzer", "own", "--operation", "size", "--json", "raise", "가")
    assert code == 1
    assert "1 analysis_failed" in err
    raised, right = map(json.loads, out.splitlines())
    assert (raised["result"], raised["error"]["code"]) == (None, "analysis_failed")
    assert right == {"result": size_of("가"), "error": None}


def test_the_command_names_the_choice(command):
    code, out, err = command("--analyzer", "own", "가")
    assert (code, out) == (2, "")
    assert "has 2 operations: choose from size, words" in err
