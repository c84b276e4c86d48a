"""One trace from a task of Spark to the worker that analysed its texts, in a real collector, and no text in it."""

import json
import os
import re
import signal
from itertools import pairwise

import pyarrow.parquet as pq
import pytest
import urllib3

from nlpbatch import Client
from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.errors import UnknownAnalyzer
from nlpbatch.wire.media import ANALYZE_PATH, JSON
from tests.fakes.collector import running_collector
from tests.fakes.no_cache import NO_CACHE
from tests.fakes.running_api import children, eventually
from tests.monitoring.submitted import submit

JOB, PROXY, API = "nlpbatch-job", "nlpbatch-proxy", "nlpbatch-api"
POST = "POST /v1/analyze"
WAY = [
    (API, "worker"),
    (API, POST),
    (PROXY, "attempt"),
    (PROXY, POST),
    (JOB, "task"),
    (JOB, "micro-batch"),
    (JOB, "run"),
]
"""From the worker up to the run: each is a part of the next."""
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SECRET_WORD = "confidential"
SECRET_TEXT = f"비밀스러운 문장입니다 {SECRET_WORD}"


def fragments_in(data: bytes, texts: list[str], *secrets: str) -> list[str]:
    """Return what of texts and secrets is in these bytes: words of four letters or more, as UTF-8 or escaped."""
    words = {word for text in texts for word in re.findall(r"[^\W\d_]{4,}", text) if not word.isascii()}
    shown = data + data.decode("utf-8", "replace").encode("unicode_escape")
    return [one for one in (*words, *secrets) if one.encode() in shown or json.dumps(one)[1:-1].encode() in shown]


@pytest.fixture(scope="module")
def collector():
    with running_collector() as running:
        yield running


@pytest.fixture(scope="module")
def variables(collector):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}


@pytest.fixture(scope="module")
def stack(variables):
    """API and proxy, which export spans."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables.items():
            patched.setenv(name, value)
        with Stack(StackOptions(workers=2, server_config=NO_CACHE)) as running:
            yield running


@pytest.fixture(scope="module")
def run(stack, some_reviews, variables, tmp_path_factory, collector):
    """The spans of a job, and the processes that analysed."""
    (forkserver,) = children(stack.pid("api"))
    workers = children(forkserver)
    output = tmp_path_factory.mktemp("traced") / "out"
    options = ("--input", some_reviews, "--text", "review", "--output", output, "--service", stack.service)
    done = submit(*options, NLPBATCH_API_KEY=stack.api_key, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    (whole,) = collector.named("run")

    def is_complete():
        spans = [span for span in collector.spans() if span.trace_id == whole.trace_id]
        known = {span.span_id for span in spans}
        return all(span.parent_id in known for span in spans if span is not whole and span.name != "run")

    eventually(is_complete)
    return [span for span in collector.spans() if span.trace_id == whole.trace_id], workers


def test_one_trace_leads_from_the_run_to_the_worker(run):
    spans, workers = run
    by_id = {span.span_id: span for span in spans}
    at_workers = [span for span in spans if (span.service, span.name) == WAY[0]]
    assert len(at_workers) > 2
    for worker in at_workers:
        way = [worker]
        while way[-1].parent_id:
            way.append(by_id[way[-1].parent_id])
        assert [(span.service, span.name) for span in way] == WAY
        for part, whole in pairwise(way):  # by the clock of one machine; the API ends when it knows that all is sent
            assert whole.began_ns - 2_000_000 <= part.began_ns < whole.ended_ns
        assert worker.ended_ns <= way[1].ended_ns + 2_000_000
        assert worker.attributes["nlpbatch.pid"] in workers
        assert worker.ended_ns > worker.began_ns
    assert not any(span.failed for span in spans)


def test_every_request_of_the_job_shows_its_waits_and_how_it_ended(run):
    spans, _ = run
    answered = [span for span in spans if (span.service, span.name) == (PROXY, POST)]
    assert len(answered) > 2
    for span in answered:
        parts = [part for part in spans if part.parent_id == span.span_id]
        assert sorted(part.name for part in parts) == ["attempt", "queue"]
        assert span.attributes["http.response.status_code"] == 200
        assert span.attributes["nlpbatch.tenant"] == "local"
        assert span.attributes["nlpbatch.class"] == "batch"
        assert next(part for part in parts if part.name == "attempt").attributes["nlpbatch.outcome"] == 200
    asked = [span for span in spans if (span.service, span.name) == (API, POST)]
    assert {part.name for span in asked for part in spans if part.parent_id == span.span_id} == {"queue", "worker"}


def test_a_caller_of_its_own_gets_its_own_trace(stack, collector):
    with Client(stack.service, api_key=stack.api_key, traceparent=lambda: TRACEPARENT) as client:
        client.analyze(SECRET_TEXT)
    eventually(lambda: len([span for span in collector.spans() if span.trace_id == TRACE]) >= 6)
    spans = [span for span in collector.spans() if span.trace_id == TRACE]
    assert {span.service for span in spans} == {PROXY, API}
    assert [span.parent_id for span in spans if (span.service, span.name) == (PROXY, POST)] == [
        TRACEPARENT.split("-")[2]
    ]


def test_a_refusal_and_a_failure_have_their_code_and_nothing_that_was_sent(stack, collector):
    http = urllib3.PoolManager(retries=False, timeout=60)
    url, key = stack.service + ANALYZE_PATH, {"Authorization": f"Bearer {stack.api_key}", "Content-Type": JSON}
    body = {"texts": [SECRET_TEXT]}
    for headers, members, status in (
        ({"Authorization": f"Bearer {SECRET_WORD}"}, body, 401),
        (key, body | {SECRET_TEXT: 1}, 400),
        (key | {"traceparent": SECRET_WORD, "tracestate": f"{SECRET_WORD}=1"}, body, 200),
        (key | {"traceparent": TRACEPARENT, "tracestate": f"{SECRET_WORD}=1"}, body, 200),
    ):
        assert http.request("POST", url, body=json.dumps(members), headers=headers).status == status
    http.request(SECRET_WORD.upper(), f"{stack.service}/v1/{SECRET_WORD}", headers=key)
    with Client(stack.service, api_key=stack.api_key) as client, pytest.raises(UnknownAnalyzer):
        client.analyze(SECRET_TEXT, analyzer="nobody")
    codes = {"unauthenticated", "invalid_request", "unknown_analyzer"}
    eventually(lambda: codes <= {span.attributes.get("nlpbatch.code") for span in collector.spans()})


def test_no_span_has_a_text_or_a_key(run, stack, collector, some_reviews):
    reviews = [text for text in pq.read_table(some_reviews, columns=["review"])["review"].to_pylist() if text]
    everything = b"\n".join(collector.bodies)
    assert len(everything) > 10_000
    secrets = (stack.api_key, stack.api_key.split("_", 2)[2], SECRET_WORD, SECRET_WORD.upper())
    assert fragments_in(everything, [*reviews, SECRET_TEXT], *secrets) == []
    planted = everything + reviews[0].encode()
    assert fragments_in(planted, reviews[:1]) != []
    assert fragments_in(everything + json.dumps(SECRET_TEXT).encode(), [SECRET_TEXT]) != []
    assert fragments_in(everything + stack.api_key.encode(), [], stack.api_key) == [stack.api_key]


def test_log_lines_have_the_trace_without_opentelemetry(tmp_path, monkeypatch):
    from tests.fakes.running_api import running_api  # noqa: PLC0415

    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with running_api("obedient", tmp_path) as api:
        api.ask({"text": "가"}, traceparent=TRACEPARENT)
        eventually(lambda: any(event.get("trace_id") == TRACE for event in api.events()))
        os.kill(api.process.pid, signal.SIGTERM)
