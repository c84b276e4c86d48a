import pytest
from prometheus_client.exposition import generate_latest

from proxy.metrics import Metrics
from proxy.upstream.backends import Backends
from proxy.upstream.discovery import Address
from tests.fakes.proxy_parts import proxy_settings


@pytest.fixture
def metrics():
    return Metrics()


def sample(metrics, name, **labels):
    return metrics.registry.get_sample_value(f"nlpbatch_proxy_{name}", labels)


def test_answers_are_counted_by_tenant_and_status(metrics):
    metrics.answered("a", 200, 10)
    metrics.answered("a", 200, 5)
    metrics.answered("a", 429, 0)
    assert sample(metrics, "requests_total", tenant="a", status="200") == 2
    assert sample(metrics, "requests_total", tenant="a", status="429") == 1
    assert sample(metrics, "answer_bytes_total", tenant="a") == 15


def test_a_wait_counts_in_its_bucket_and_all_above(metrics):
    for seconds in (0.0, 0.001, 0.0011, 1000.0):
        metrics.passed("a", "batch", seconds, 100)
    labels = {"tenant": "a", "class": "batch"}
    counts = [
        sample(metrics, "wait_seconds_bucket", le=bound, **labels) for bound in ("0.001", "0.0025", "120.0", "+Inf")
    ]
    assert counts == [2, 3, 3, 4]
    assert sample(metrics, "wait_seconds_count", **labels) == 4
    assert sample(metrics, "wait_seconds_sum", **labels) == pytest.approx(1000.0021)
    assert sample(metrics, "request_bytes_total", tenant="a") == 400


def test_a_backend_that_is_gone_is_shown_no_more_and_counts_again_when_it_is_back(metrics):
    backends = Backends(proxy_settings(), metrics)
    backends.set([Address("http://b")])
    metrics.upstream("http://b", 0.5)
    assert sample(metrics, "upstream_seconds_count", backend="http://b") == 1
    backends.set([])
    assert b"http://b" not in generate_latest(metrics.registry)
    metrics.upstream("http://b", 0.5)
    assert sample(metrics, "upstream_seconds_count", backend="http://b") == 1
