"""Operations of one's own through both clients, in JSON and Arrow, on a real service."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3

from nlpbatch import AsyncClient, Client
from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.client.columns.pinning import pin_with
from nlpbatch.errors import FingerprintMismatch, InvalidRequest, UnknownAnalyzer, UnknownOperation
from nlpbatch.files import parquet_source
from nlpbatch.files.analysis import FileAnalysis
from nlpbatch.files.listing import find_files
from nlpbatch.wire.media import CALL_PATH, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, JSON, PRIORITY
from nlpbatch.wire.options import Options
from nlpbatch.wire.options.offered import resolve
from tests.fakes.commands import run
from tests.fakes.own_nested import NESTED
from tests.fakes.own_operations import SIZE, WORDS
from tests.fakes.own_service import TEXTS, size_of, write_config, write_next_version
from tests.fakes.proxy_process import KEY, ProxyProcess
from tests.fakes.running_api import running_api


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    config = write_config(tmp_path_factory.mktemp("own"))
    with Stack(StackOptions(server_config=config)) as running:
        yield running


@pytest.fixture
def client(own):
    with Client(own.service, api_key=own.api_key) as client:
        yield client


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


@pytest.fixture
def command(own):
    def call(*arguments):
        return run("call", *arguments, NLPBATCH_SERVICE=own.service, NLPBATCH_API_KEY=own.api_key)

    return call


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


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"id": range(len(TEXTS)), "text": pa.array(TEXTS)}), path)
    return path


@pytest.mark.parametrize(("analyzer", "operation", "type_"), [("own", "size", SIZE), ("single", "nest", NESTED)])
def test_files_get_a_column_of_the_declared_type(command, client, source, tmp_path, analyzer, operation, type_):
    output = tmp_path / "results.parquet"
    # Of `single`, the operation is left out.
    named = ["--operation", operation] if analyzer == "own" else []
    code, out, err = command(source, "-o", output, "--analyzer", analyzer, *named, "--json")
    assert (code, json.loads(out)["tokens"]) == (0, 0), err
    assert "call: done" in err
    table, dead = pq.read_table(output), pq.read_table(tmp_path / "results.dead.parquet")
    assert (table.column_names, table.schema.field("result").type) == (["id", "text", "result", "error"], type_)
    outcomes = client.call(TEXTS, analyzer=analyzer, operation=operation)
    wrong = [number for number, one in enumerate(outcomes) if one.error]
    assert dead.column("id").to_pylist() == wrong
    assert {row["id"]: row["result"] for row in table.to_pylist()} == {
        number: one.result for number, one in enumerate(outcomes) if number not in wrong
    }


@pytest.mark.parametrize(
    ("first", "given", "says"),
    [
        ("call", ["--analyzer", "own"], "has 2 operations: choose from size, words"),
        ("call", ["--analyzer", "own", "--operation", "judge"], "has no operation 'judge': choose from size, words"),
        ("call", ["--analyzer", "single", "--text", "id"], "column 'id' is int64, not string"),
        ("analyze", ["--analyzer", "own"], "doesn't offer analyze: choose from size"),
    ],
)
def test_files_are_refused_before_anything_is_written(own, source, tmp_path, first, given, says):
    output = tmp_path / "results.parquet"
    service = {"NLPBATCH_SERVICE": own.service, "NLPBATCH_API_KEY": own.api_key}
    code, _, err = run(first, source, "-o", output, *given, **service)
    assert code == 2
    assert says in err
    assert not output.exists()


def test_tables_and_readers_get_a_column_of_the_declared_type(client):
    table = pa.table({"text": pa.array(TEXTS), "lines": pa.array([[text, "둘"] for text in TEXTS])})
    outcomes = client.call([*TEXTS, "둘"], analyzer="single")
    found = client.call_table(table, text=["text", "lines"], analyzer="single")
    assert found.schema.field("text_result").type == NESTED
    assert found.column("text_result").to_pylist() == [one.result for one in outcomes[:-1]]
    of_lines = [[one.result, outcomes[-1].result] for one in outcomes[:-1]]
    assert found.column("lines_result").to_pylist() == of_lines
    assert found.schema.metadata[b"nlpbatch.analyzer"] == b"single"
    reader = client.call_table(table.to_reader(2), text="text", analyzer="own", operation="words")
    assert reader.schema.field("result").type == WORDS
    words = client.call(TEXTS, analyzer="own", operation="words")
    assert reader.read_all().column("result").to_pylist() == [one.result for one in words]


async def test_tables_of_the_asyncio_client_are_the_same(own, client):
    table = pa.table({"text": pa.array(TEXTS)})
    expected = client.call_table(table, text="text", analyzer="own", operation="size")
    async with AsyncClient(own.service, api_key=own.api_key) as other:
        found = await other.call_table(table, text="text", analyzer="own", operation="size")
        assert found.schema == expected.schema
        assert found.column("result").equals(expected.column("result"))
        reader = await other.call_table(table.to_reader(2), text="text", analyzer="own", operation="size")
        rows = [row async for batch in reader for row in batch.column("result").to_pylist()]
    assert rows == expected.column("result").to_pylist()


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"text": "text", "analyzer": "own"}, UnknownOperation, "has 2 operations: choose from size, words"),
        ({"text": "txt", "analyzer": "single"}, InvalidRequest, "there is no column 'txt'"),
        ({"text": "id", "analyzer": "single"}, InvalidRequest, "column 'id' is int64, not string"),
        ({"text": "result", "analyzer": "single"}, InvalidRequest, "there is a column 'result' already"),
    ],
)
def test_tables_that_can_not_be_answered_are_refused_before_a_text_is_sent(client, given, error, says):
    table = pa.table({"id": range(len(TEXTS)), "text": pa.array(TEXTS), "result": pa.array(TEXTS)})
    with pytest.raises(error, match=says):
        client.call_table(table, **given)
    assert client.stats.snapshot().requests <= 1


def test_tables_of_functions_are_refused_with_what_there_is(client):
    with pytest.raises(UnknownOperation, match=r"doesn't offer analyze: choose from size"):
        client.analyze_table(pa.table({"text": TEXTS}), text="text", analyzer="own")


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Two APIs, the second of which has the next version, and the address of a proxy before both."""
    older, newer, proxied = (tmp_path_factory.mktemp(name) for name in ("older", "newer", "proxied"))
    configs = [write_config(older).read_text(), write_next_version(newer).read_text()]
    with running_api("kiwi", older, configs[0]) as first, running_api("kiwi", newer, configs[1]) as second:
        proxy = ProxyProcess(proxied, first.url, second.url)
        proxy.start()
        yield first, second, proxy.url
        proxy.terminate()


ASKED = Options("call", analyzer="own", called="size")


def test_what_is_pinned_to_an_earlier_version_has_its_types(versions, monkeypatch):
    """The catalogue of a fleet is that of any of its backends: here, of the newer one."""
    first, second, proxy = versions
    with first.client() as before, Client(proxy, api_key=KEY) as both:
        begun, newest = pin_with(before, ASKED).info.fingerprint, second.client().analyzers()
        monkeypatch.setattr(Client, "analyzers", lambda _: newest)
        pinned = pin_with(both, ASKED, begun)
        assert pinned.info.fingerprint == begun != newest.get("own").fingerprint
        assert resolve(ASKED, pinned.info).result_type == SIZE
        assert resolve(ASKED, newest.get("own")).result_type != SIZE
        words = replace(ASKED, called="words")  # which the newest version hasn't
        assert resolve(words, pin_with(both, words, begun).info).result_type == WORDS
        with pytest.raises(UnknownOperation, match="has no operation 'words': choose from size, parts"):
            pin_with(both, words)
        with pytest.raises(UnknownOperation, match="has no operation 'parts': choose from size, words"):
            pin_with(both, replace(ASKED, called="parts"), begun)


def test_a_file_that_is_gone_on_with_keeps_the_type_of_its_version(versions, source, tmp_path, monkeypatch):
    first, second, proxy = versions
    monkeypatch.setattr(parquet_source, "BATCH_ROWS", 2)
    output = tmp_path / "results.parquet"

    def start(service, advance):
        files = find_files([str(source)])
        analysis = FileAnalysis([str(source)], files, ["text"], output, service, ASKED, api_key=KEY)
        return analysis.run(parquet_source.ParquetSource(files), advance, lambda _: None)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(first.url, stop)
    newest = second.client().analyzers()
    monkeypatch.setattr(Client, "analyzers", lambda _: newest)
    summary = start(proxy, lambda _: None)
    assert (summary.attempts, summary.counts.rows, summary.new_rows) == (2, len(TEXTS), len(TEXTS) - 2)
    table = pq.read_table(output)
    assert table.schema.field("result").type == SIZE
    with first.client() as client:
        outcomes = client.call(TEXTS, analyzer="own", operation="size")
    assert table.column("result").to_pylist() == [one.result for one in outcomes if one.error is None]
