"""Files and tables through functions of one's own."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch import AsyncClient, Client
from nlpbatch.client.columns.pinning import pin_with
from nlpbatch.errors import InvalidRequest, UnknownOperation
from nlpbatch.files import parquet_source
from nlpbatch.files.analysis import FileAnalysis
from nlpbatch.files.listing import find_files
from nlpbatch.wire.options import Options
from nlpbatch.wire.options.offered import resolve
from tests.fakes.commands import run
from tests.fakes.own_nested import NESTED
from tests.fakes.own_operations import SIZE, WORDS
from tests.fakes.own_service import TEXTS, write_config, write_next_version
from tests.fakes.proxy_process import KEY, ProxyProcess
from tests.fakes.running_api import running_api


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
