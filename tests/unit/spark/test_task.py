import pickle
from typing import ClassVar

import pyarrow as pa
import pytest

from nlpbatch.client.calls import Trace
from nlpbatch.client.columns import batch_answers
from nlpbatch.client.columns.blocks import Cut
from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.stats import ClientStats
from nlpbatch.errors import Unauthenticated
from nlpbatch.spark import task
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.spark.task import AnalyzeTask, TaskOptions
from nlpbatch.wire.arrow import answer_schema
from nlpbatch.wire.options import Options

KEY = "nlpb_secret"
FINGERPRINT = "f" * 32
STATS = ClientStats(requests=3, sent_bytes=7)
CALL = ServiceCall(
    "http://proxy.example:8700",
    Options(fields=("form",)),
    "job-1",
    api_key=KEY,
    in_flight=2,
    retry=RetryPolicy(patience_s=1),
)


def options(**changes):
    values = {
        "call": CALL,
        "text": 1,
        "fingerprint": FINGERPRINT,
        "cut": Cut(block_bytes=100, request_bytes=6, request_documents=2, text_bytes=100),
    }
    return TaskOptions(**values | changes)


class FakeClient:
    """Answers each text with itself as the only token; notes how it was made and what it was asked."""

    made: ClassVar[list["FakeClient"]] = []
    fail_on: ClassVar[str | None] = None

    def __init__(self, service, **arguments):
        self.service = service
        self.arguments = arguments
        self.asked: list[dict] = []
        self.closed = False
        self.stats = self
        self.made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def snapshot(self):
        return STATS

    def ask_arrow(self, _, texts, *, on_answer, **asked):
        self.asked.append(asked)
        if self.fail_on in texts.to_pylist():
            raise Unauthenticated("the key was taken back")
        rows = [{"tokens": [{"form": text}], "error": None} for text in texts.to_pylist()]
        on_answer(Trace("request-1", 1, False, 10))
        return pa.Table.from_pylist(rows, schema=answer_schema(Options(fields=tuple(asked["fields"]))))


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(FakeClient, "made", [])
    monkeypatch.setattr(FakeClient, "fail_on", None)
    monkeypatch.setattr(task, "Client", FakeClient)
    return FakeClient


def batches(*columns):
    for texts in columns:
        yield pa.record_batch({"id": pa.array(range(len(texts)), pa.int64()), "text": pa.array(texts, pa.string())})


def test_batches_come_back_in_order_with_two_more_columns(client):
    answered = list(AnalyzeTask(options(), None)(batches(["가", "나", "가"], [], ["다"])))
    ids, texts, tokens, errors = ([value for batch in answered for value in batch[i].to_pylist()] for i in range(4))
    assert ids == [0, 1, 2, 0]
    assert texts == [found[0]["form"] for found in tokens] == ["가", "나", "가", "다"]
    assert errors == [None] * 4


def test_each_request_pins_the_version_and_says_that_it_belongs_to_a_job(client):
    list(AnalyzeTask(options(), None)(batches(["가", "나", "다"])))
    (made,) = client.made
    assert made.service is CALL.endpoints()
    assert made.arguments["api_key"] == KEY
    assert made.arguments["job"] == "job-1"
    assert made.arguments["priority"] == "u=6"
    assert made.arguments["pool_size"] == 2
    assert made.asked == [{"analyzer": "default", "fields": ["form"], "if_match": FINGERPRINT}] * 2


def test_a_finished_task_reports_once_what_its_client_did(client):
    reports = []
    list(AnalyzeTask(options(), reports.append)(batches(["가"], ["나"])))
    done = TaskStats(answered=2, answered_bytes=20, documents=2)
    assert reports == [TaskStats.of_client(STATS) + done]
    assert client.made[0].closed


def test_a_task_that_holds_wide_rows_reads_no_further_until_they_have_left(client, monkeypatch):
    monkeypatch.setattr(batch_answers, "_HELD_BYTES", 1)
    read = []
    source = (read.append(batch) or batch for batch in batches(["가"], ["나"], ["다"]))
    rows = AnalyzeTask(options(), None)(source)
    assert [(len(next(rows)), len(read)) for _ in range(3)] == [(1, 1), (1, 2), (1, 3)]


def test_a_task_without_rows_sends_nothing(client):
    assert list(AnalyzeTask(options(), None)(batches())) == []
    assert client.made[0].asked == []


def test_a_failing_request_fails_the_task_and_closes_the_client(client):
    client.fail_on = "나"
    reports = []
    with pytest.raises(Unauthenticated):
        list(AnalyzeTask(options(), reports.append)(batches(["가", "나"])))
    assert reports == []
    assert client.made[0].closed


def test_a_reader_that_stops_early_closes_the_client(client):
    rows = AnalyzeTask(options(), None)(batches(["가"], ["나"], ["다"]))
    next(rows)
    rows.close()
    assert client.made[0].closed


def test_the_task_travels_to_executors_and_its_key_is_in_no_text_about_it():
    travelled = pickle.loads(pickle.dumps(AnalyzeTask(options(), None)))
    assert travelled._options == options()
    assert KEY not in repr(options())
    assert KEY not in repr(travelled)
