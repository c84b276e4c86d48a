"""`analyze_table` of both clients, with the real API and with peers that fail."""

import asyncio
import json
import time

import pyarrow as pa
import pytest

from nlpbatch import AsyncClient, Client, RetryPolicy
from nlpbatch.errors import InvalidRequest, Unauthenticated, UnknownAnalyzer
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.media import JSON
from tests.fakes.service import FINGERPRINT, ScriptedService, hang, problem, reply

FIELDS = ("form", "tag", "start", "end")


class InALoop:
    """The asyncio client, called as the blocking one is; a reader is read to its end."""

    def __init__(self, url):
        self.url = url

    def analyze_table(self, table, **options):
        async def ask():
            async with AsyncClient(self.url) as client:
                found = await client.analyze_table(table, **options)
                if isinstance(found, pa.Table):
                    return found
                return pa.Table.from_batches([batch async for batch in found], found.schema)

        return asyncio.run(ask())

    def close(self):
        pass


@pytest.fixture(params=[Client, InALoop])
def client(request, api):
    made = request.param(api.url)
    yield made
    made.close()


def catalogue():
    info = AnalyzerInfo("default", FINGERPRINT, "scripted", "none", {}, KIWI_FIELDS)
    return reply(200, json.dumps(Catalogue((info,), SizeLimits()).to_json()).encode(), JSON)


def test_a_table_keeps_its_rows_and_gets_kiwis_tokens(client, sample, expected):
    texts = pa.chunked_array([sample[:250], [None], sample[250:]], pa.large_string())
    table = pa.table({"id": range(len(texts)), "review": texts}).replace_schema_metadata({"mine": "kept"})
    found = client.analyze_table(table, text="review")
    assert found.select(["id", "review"]).equals(table.select(["id", "review"]))
    tokens = [[{name: token[name] for name in FIELDS} for token in row] for row in expected]
    assert found.column("tokens").to_pylist() == [*tokens[:250], None, *tokens[250:]]
    assert found.column("error").null_count == len(texts)
    assert found.schema.metadata[b"mine"] == b"kept"
    assert len(found.schema.metadata[b"nlpbatch.fingerprint"]) == 32


def test_a_reader_gives_a_reader_of_the_same(client, sample):
    table = pa.table({"review": sample[:100]})
    whole = client.analyze_table(table, text="review", fields=["form"])
    found = client.analyze_table(table.to_reader(max_chunksize=7), text="review", fields=["form"])
    found = found.read_all() if isinstance(found, pa.RecordBatchReader) else found
    assert found.to_pylist() == whole.to_pylist()


def test_one_bad_text_never_fails_its_neighbours(client):
    table = pa.table({"title": ["좋다", "x" * 60_000], "tags": [["하나", None], []]})
    found = client.analyze_table(table, text=["title", "tags"]).to_pylist()
    assert [row["title_error"] and row["title_error"]["code"] for row in found] == [None, "text_too_large"]
    assert [token["form"] for token in found[0]["title_tokens"]] == ["좋", "다"]
    assert [len(row["tags_tokens"]) for row in found] == [2, 0]


def test_an_empty_table_gets_the_columns(client):
    found = client.analyze_table(pa.table({"t": pa.array([], pa.string())}), text="t", top_n=2)
    assert found.schema.names == ["t", "candidates", "error"]
    assert found.num_rows == 0


@pytest.mark.parametrize(
    ("table", "text", "error", "said"),
    [
        ({"t": ["x"]}, "t", InvalidRequest, r"table is a dict: give a pyarrow.Table"),
        (pa.table({"text": ["x"]}), "tetx", InvalidRequest, "there is no column 'tetx': did you mean text?"),
        (pa.table({"n": [1], "t": ["x"]}), "n", InvalidRequest, "column 'n' is int64, not string: choose from t"),
        (pa.table({"t": ["x"], "Tokens": [1]}), "t", InvalidRequest, "there is a column 'tokens' already"),
        (pa.table({"t": ["x"]}), [], InvalidRequest, "text names no column"),
    ],
)
def test_what_cannot_be_analysed_is_said_before_anything_is_sent(table, text, error, said):
    nobody = "http://127.0.0.1:9"
    for one in (Client(nobody), InALoop(nobody)):
        with pytest.raises(error, match=said):
            one.analyze_table(table, text=text)
        one.close()


def test_an_unknown_analyzer_is_refused(client):
    with pytest.raises(UnknownAnalyzer, match="choose from default"):
        client.analyze_table(pa.table({"t": ["x"]}), text="t", analyzer="other")


@pytest.mark.parametrize("kind", [Client, InALoop])
def test_a_refusal_is_raised(kind):
    with ScriptedService(catalogue(), problem(Unauthenticated("no such key"))) as refusing:
        one = kind(refusing.url)
        with pytest.raises(Unauthenticated):
            one.analyze_table(pa.table({"t": ["x"]}), text="t")
        one.close()


def test_a_reader_that_is_dropped_ends_its_requests(api, sample):
    with Client(api.url) as client:
        reader = client.analyze_table(pa.table({"t": sample * 20}).to_reader(max_chunksize=50), text="t")
        reader.read_next_batch()
        started_s = time.monotonic()
        del reader
    assert time.monotonic() - started_s < 2


async def test_a_cancelled_call_ends_its_requests():
    with ScriptedService(catalogue(), hang()) as silent:
        async with AsyncClient(silent.url, retry=RetryPolicy(patience_s=60)) as client:
            asked = asyncio.create_task(client.analyze_table(pa.table({"t": ["x"]}), text="t"))
            while len(silent.exchanges) < 2:
                await asyncio.sleep(0.005)
            asked.cancel()
            started_s = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert time.monotonic() - started_s < 5
