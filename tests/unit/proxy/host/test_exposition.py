from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from proxy.host.exposition import HostCounts
from proxy.metrics import Metrics


def counted(*, requests=0, waited_s=(), generation=1):
    metrics = Metrics()
    for _ in range(requests):
        metrics.answered("home", 200, 10)
    for seconds in waited_s:
        metrics.passed("home", "batch", seconds, 100)
    metrics.watch_replays(lambda: 7)
    metrics.configured(generation, valid=True)
    return generate_latest(metrics.registry).decode()


def samples(counts):
    text = generate_latest(counts).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name.removeprefix("nlpbatch_proxy_"), *sorted(sample.labels.items())] = sample.value
    return found


def two():
    counts = HostCounts()
    counts.started(1, 101)
    counts.started(2, 102)
    return counts


def test_counters_and_histograms_are_added():
    counts = two()
    counts.counted(1, 101, counted(requests=3, waited_s=[0.02]))
    counts.counted(2, 102, counted(requests=4, waited_s=[0.02, 7.0]))
    found = samples(counts)
    assert found["requests_total", ("status", "200"), ("tenant", "home")] == 7
    assert found["wait_seconds_count", ("class", "batch"), ("tenant", "home")] == 3
    assert found["wait_seconds_bucket", ("class", "batch"), ("le", "0.025"), ("tenant", "home")] == 2
    assert found["wait_seconds_bucket", ("class", "batch"), ("le", "+Inf"), ("tenant", "home")] == 3


def test_gauges_are_added_where_a_sum_says_something_and_else_shown_for_each_process():
    counts = two()
    counts.counted(1, 101, counted())
    counts.counted(2, 102, counted())
    found = samples(counts)
    assert found["replay_bytes",] == 14
    assert found["shared_store_away", ("process", "1")] == found["shared_store_away", ("process", "2")] == 0
    assert not any(name[0].startswith("config_") for name in found)  # the supervisor's own


def test_what_a_worker_counted_stays_when_it_is_replaced_and_its_gauges_go():
    counts = two()
    counts.counted(1, 101, counted(requests=3))
    counts.counted(2, 102, counted(requests=4))
    counts.ended(1)
    counts.ended(1)  # seen twice
    found = samples(counts)
    assert found["requests_total", ("status", "200"), ("tenant", "home")] == 7
    assert found["replay_bytes",] == 7
    counts.started(1, 103)
    counts.counted(1, 103, counted(requests=1))
    assert samples(counts)["requests_total", ("status", "200"), ("tenant", "home")] == 8


def test_an_answer_of_the_process_before_is_dropped():
    counts = two()
    counts.started(1, 103)
    counts.counted(1, 101, counted(requests=9))
    assert samples(counts) == {}
