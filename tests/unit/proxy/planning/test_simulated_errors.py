"""Simulated backends that fail, and what their callers do."""

import pytest

from tests.fakes.proxy_parts import proxy_settings
from tests.fakes.simulated import job, play


def test_a_backend_that_dies_costs_its_share_and_nothing_else():
    workload = {"duration_s": 60, "backends": [{"replicas": 2, "workers": 2}], "batch": [job(in_flight=16)]}
    fault = {"kind": "down", "backend": 0, "start_s": 20, "duration_s": 20}
    tally = play(workload | {"faults": [fault]}).tallies["a", "batch"]
    speeds = [sum(tally.bytes_by_second.get(second, 0) for second in span) for span in (range(5, 19), range(22, 36))]
    assert speeds[1] / speeds[0] == pytest.approx(0.5, abs=0.1)
    assert tally.failed == 0


@pytest.mark.parametrize(("eject_failures", "is_ejected"), [(3, True), (1000, False)])
def test_a_backend_that_fails_everything_is_ejected_as_the_configuration_says(eject_failures, is_ejected):
    workload = {"duration_s": 60, "backends": [{"replicas": 2, "workers": 2}], "batch": [job(in_flight=16)]}
    fault = {"kind": "failing", "backend": 0, "start_s": 0, "duration_s": 60}
    settings = proxy_settings(upstream={"eject_failures": eject_failures, "eject_s": 600.0, "eject_max_s": 600.0})
    utilisation = play(workload | {"faults": [fault]}, settings).utilisation  # an ejected backend's workers are idle
    assert utilisation == pytest.approx(0.5, abs=0.03) if is_ejected else utilisation > 0.7


def play_with_a_failing_backend(**upstream):
    """Return the tally of a job while one of two backends fails everything."""
    workload = {"duration_s": 60, "backends": [{"replicas": 2, "workers": 2}], "batch": [job(in_flight=16)]}
    fault = {"kind": "failing", "backend": 0, "start_s": 0, "duration_s": 60}
    settings = proxy_settings(
        upstream={"eject_failures": 1000, "retry_ratio": 0.0, "retry_min": 0} | upstream,
        concurrency={"policy": "fixed"},
    )
    return play(workload | {"faults": [fault]}, settings).tallies["a", "batch"]


def test_without_retries_half_of_the_attempts_fail_at_the_caller():
    tally = play_with_a_failing_backend()
    assert tally.failed / (tally.failed + tally.answered) == pytest.approx(0.5, abs=0.05)


def test_with_a_retry_for_each_request_next_to_none_fails():
    tally = play_with_a_failing_backend(retry_ratio=1.0)
    assert tally.failed <= 0.02 * tally.answered


def test_a_retry_budget_of_a_fifth_saves_a_fifth_of_the_requests():
    tally = play_with_a_failing_backend(retry_ratio=0.2)
    # n requests make 1.2 n attempts. Half of those, 0.6 n, fail, and 0.2 n of them are retried at the other backend.
    assert tally.failed / (tally.failed + tally.answered) == pytest.approx(0.4, abs=0.03)


def test_failures_stop_when_the_backend_is_ejected():
    tally = play_with_a_failing_backend(eject_failures=5, eject_s=600.0, eject_max_s=600.0)
    assert 5 <= tally.failed <= 5 + 4  # those that were at the backend at that moment
    assert tally.answered > 300


def test_a_backend_that_fails_a_fifth_of_its_requests_fails_a_tenth_of_all():
    workload = {"duration_s": 300, "backends": [{"replicas": 2, "workers": 2}], "batch": [job(in_flight=16)]}
    fault = {"kind": "failing", "backend": 0, "start_s": 0, "duration_s": 300, "fraction": 0.2}
    upstream = {"eject_failures": 1000, "retry_ratio": 0.0, "retry_min": 0}
    settings = proxy_settings(upstream=upstream, concurrency={"policy": "fixed"})
    tally = play(workload | {"faults": [fault]}, settings).tallies["a", "batch"]
    assert tally.failed / (tally.failed + tally.answered) == pytest.approx(0.1, abs=0.02)


def play_with_errors(failure_s=None):
    """Return what becomes of a job while one of two backends fails half of its requests, without retries."""
    backends = [{"replicas": 2, "workers": 2}]
    fault = {"kind": "failing", "start_s": 0, "duration_s": 300, "fraction": 0.5, "failure_s": failure_s}
    upstream = {"eject_failures": 1000, "retry_ratio": 0.0, "retry_min": 0}
    settings = proxy_settings(upstream=upstream, concurrency={"policy": "fixed"})
    return play(
        {"duration_s": 300, "backends": backends, "batch": [job(tasks=16, in_flight=2)], "faults": [fault]}, settings
    )


@pytest.mark.parametrize(("per_worker", "utilisation"), [(1.0, 0.8), (2.0, 1.0)])
def test_a_round_trip_leaves_a_worker_idle_only_if_it_has_no_next_request_at_hand(per_worker, utilisation):
    # 64 KiB take 0.32768 s of a worker.
    backends = [{"workers": 2, "base_s": 0, "round_trip_s": 0.32768 / 4, "spread": 0}]
    settings = proxy_settings(concurrency={"policy": "fixed", "per_worker": per_worker})
    outcome = play({"duration_s": 120, "backends": backends, "batch": [job()]}, settings)
    assert outcome.utilisation == pytest.approx(utilisation, abs=0.01)


def test_errors_after_the_work_take_a_workers_time():
    outcome = play_with_errors()
    tally = outcome.tallies["a", "batch"]
    assert outcome.utilisation > 0.99
    assert tally.failed / (tally.failed + tally.answered) == pytest.approx(0.25, abs=0.02)
    assert tally.size_bytes / 300 == pytest.approx(0.75 * 4 * 200_000, rel=0.03)


def test_errors_at_once_leave_the_workers_to_other_requests():
    outcome = play_with_errors(failure_s=0.001)
    tally = outcome.tallies["a", "batch"]
    assert outcome.utilisation > 0.95
    assert tally.size_bytes / 300 == pytest.approx(outcome.utilisation * 4 * 200_000, rel=0.03)
    # One error for each answer of the failing backend, so one for two answers in all.
    assert tally.failed / tally.answered == pytest.approx(0.5, abs=0.05)


def test_slow_errors_hold_their_slots():
    slow, fast = (play_with_errors(failure_s=seconds).tallies["a", "batch"] for seconds in (2.0, 0.001))
    assert slow.answered < 0.7 * fast.answered


def test_a_job_gives_a_request_up_after_its_clients_attempts_and_goes_on():
    tally = play_with_errors().tallies["a", "batch"]
    # A quarter of all attempts fail, so one request in 64 fails three times.
    assert tally.given_up / (tally.given_up + tally.answered) == pytest.approx(1 / 64, abs=0.008)


def test_coming_back_after_an_error_is_not_counted_as_coming_back_after_a_refusal():
    tally = play_with_errors().tallies["a", "batch"]
    assert (tally.failed > 100, tally.refused, tally.first_tries_back) == (True, 0, 0)
