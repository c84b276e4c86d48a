import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.serving.settings import check
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from tests.fakes.proxy_parts import proxy_settings

RATE, BURST, BODY = 1_000_000, 2_000_000, 32_768
FAST = {"workers": 200, "bytes_per_s": 1e9, "base_s": 0.01}
SKEWED = {"count": 4, "shares": [0.9, 0.04, 0.03, 0.03]}


def played(settings, **workload):
    return Simulation(settings, check(workload, Workload, "test")).run()


def quota_of(**quota):
    return proxy_settings({"a": {"quota": quota}})


def job(name="job", tasks=40, **changed):
    given = {"tenant": "a", "name": name, "tasks": tasks, "in_flight": 1, "request_bytes": BODY}
    return given | {"follows_advice": False} | changed


def passed(outcome, from_s=0):
    (tally,) = outcome.tallies.values()
    return sum(size for second, size in tally.bytes_by_second.items() if second >= from_s)


@pytest.mark.parametrize("faults", [[], [{"kind": "proxy_down", "start_s": 30.0, "duration_s": 1.0}]])
@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("shares", [SKEWED["shares"], None])
def test_a_quota_is_held_by_all_together_and_used_wholly(shares, stays, faults):
    seconds = 60.0
    outcome = played(
        quota_of(bytes_per_s=RATE, burst_bytes=BURST),
        duration_s=seconds,
        proxies={"count": 4, "shares": shares},
        backends=[FAST],
        batch=[job(stays=stays)],
        faults=faults,
    )
    assert passed(outcome) <= RATE * seconds * 1.01 + BURST
    assert passed(outcome) >= RATE * seconds * 0.98


def test_without_the_store_it_is_never_more():
    outcome = played(
        quota_of(bytes_per_s=RATE, burst_bytes=BURST),
        duration_s=60.0,
        proxies=SKEWED,
        backends=[FAST],
        batch=[job()],
        faults=[{"kind": "store_away", "start_s": 20.0, "duration_s": 10.0}],
    )
    (tally,) = outcome.tallies.values()
    assert passed(outcome) <= RATE * 60 * 1.01 + 4 * BURST
    # While it is away, the first proxy has its quarter of the limit, though nearly all requests come in there.
    away = [tally.bytes_by_second.get(second, 0) for second in range(22, 30)]
    assert max(away) <= RATE + BODY
    assert passed(outcome, from_s=32) >= RATE * 28 * 0.95


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_requests_at_a_time_are_those_of_all_proxies(concurrency):
    # Each takes 0.1 s at the backend, so that no more than ten times as many pass in a second.
    slow = {"workers": 200, "bytes_per_s": 1e9, "base_s": 0.1, "spread": 0.0}
    alone, fleet = (
        played(
            quota_of(concurrency=concurrency),
            duration_s=30.0,
            proxies={"count": count},
            backends=[slow],
            batch=[job(tasks=30)],
        )
        for count in (1, 3)
    )
    assert passed(fleet) / BODY <= concurrency * 30 / 0.1
    assert passed(fleet) >= 0.9 * passed(alone)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_job_of_two_tasks_gets_as_much_as_one_of_two_hundred(count):
    outcome = played(
        proxy_settings(),
        duration_s=120.0,
        proxies={"count": count},
        backends=[{"workers": 1, "replicas": 2, "bytes_per_s": 100_000}],
        batch=[job("two", 2), job("many", 200)],
    )
    (tally,) = outcome.tallies.values()
    two, many = tally.bytes_by_job["two"], tally.bytes_by_job["many"]
    assert (two + many) ** 2 / (2 * (two**2 + many**2)) >= 0.95
    assert two + many >= 0.9 * 2 * 100_000 * 120


def test_a_killed_proxy_costs_its_callers_a_retry_and_no_request():
    outcome = played(
        proxy_settings(),
        duration_s=60.0,
        proxies={"count": 2},
        backends=[{"workers": 4, "bytes_per_s": 200_000}],
        batch=[job(tasks=16)],
        faults=[{"kind": "proxy_down", "proxy": 1, "start_s": 20.0, "duration_s": 5.0}],
    )
    (tally,) = outcome.tallies.values()
    assert 0 < tally.failed <= 16
    assert tally.given_up == 0


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        ({"proxies": {"count": 2, "shares": [1.0]}}, "shares has 1 weights for 2 proxies: give one above 0 for each"),
        ({"proxies": {"count": 2, "shares": [0.0, 0.0]}}, "shares has 2 weights for 2 proxies"),
        ({"faults": [{"kind": "proxy_down", "proxy": 1, "start_s": 0, "duration_s": 1}]}, "there are 0 to 0"),
        ({"faults": [{"kind": "store_away", "start_s": 0, "duration_s": 1}]}, "store_away with one proxy"),
    ],
)
def test_a_fleet_that_cannot_be_played_is_refused(workload, message):
    given = {"backends": [FAST], "batch": [job()]} | workload
    with pytest.raises(ConfigError, match=message):
        check(given, Workload, "test")
