from collections import Counter

import pytest
from prometheus_client import generate_latest

from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.server.metrics import ServerMetrics
from nlpbatch.wire.analyzer import AnalyzerInfo
from tests.fakes.engine import WordEngine


class FakePool:
    workers, busy, queued_bytes = 2, 1, 300


@pytest.fixture
def metrics():
    return ServerMetrics()


def test_an_answer_is_counted_once_by_everything_in_it(metrics):
    answer = PoolAnswer([], tokens=7, code_points=20, errors=Counter(invalid_text=2), queue_s=0.02, analysis_s=0.3)
    metrics.answered("default", 5, answer)
    sample = metrics.registry.get_sample_value
    of = {"analyzer": "default"}
    assert sample("nlpbatch_documents_total", of) == 5
    assert sample("nlpbatch_tokens_total", of) == 7
    assert sample("nlpbatch_code_points_total", of) == 20
    assert sample("nlpbatch_document_errors_total", of | {"code": "invalid_text"}) == 2
    assert sample("nlpbatch_queue_seconds_sum", of) == 0.02
    assert sample("nlpbatch_analysis_seconds_sum", of) == 0.3


def test_documents_that_were_not_analysed_are_counted_apart(metrics):
    some = PoolAnswer([], tokens=7, code_points=20, errors=Counter(), queue_s=0.02, analysis_s=0.3)
    none = PoolAnswer([], tokens=0, code_points=0, errors=Counter(), queue_s=0.0, analysis_s=0.0)
    metrics.answered("default", 5, some, cached=2)
    metrics.answered("default", 5, none, cached=5)
    sample = metrics.registry.get_sample_value
    of = {"analyzer": "default"}
    assert sample("nlpbatch_documents_total", of) == 10
    assert sample("nlpbatch_documents_cached_total", of) == 7
    assert sample("nlpbatch_queue_seconds_count", of) == 1  # for the other one no worker was waited for


def test_the_state_of_a_pool_is_read_when_it_is_asked_for(metrics):
    pool = FakePool()
    metrics.watch("default", pool)
    pool.busy = 2
    values = [metrics.registry.get_sample_value(f"nlpbatch_{name}", {"analyzer": "default"}) for name in GAUGES]
    assert values == [2, 2, 300]


GAUGES = ("workers", "workers_busy", "queue_bytes")


def test_a_lost_worker_is_counted_for_its_analyzer(metrics):
    metrics.watch("default", FakePool())
    assert metrics.registry.get_sample_value("nlpbatch_workers_lost_total", {"analyzer": "default"}) == 0
    metrics.observer("default").worker_lost()
    assert metrics.registry.get_sample_value("nlpbatch_workers_lost_total", {"analyzer": "default"}) == 1


def test_metrics_name_the_loaded_analyzers(metrics):
    info = WordEngine.info
    metrics.loaded(AnalyzerInfo("default", info.fingerprint, info.engine, info.model, {}, ()))
    assert b'nlpbatch_analyzer_info{analyzer="default",engine="words 1",fingerprint="fff' in generate_latest(
        metrics.registry
    )
