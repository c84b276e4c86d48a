"""A load that is known is recorded, and played again it does what it did."""

import pytest

from nlpbatch.errors import InvalidRequest
from proxy.console.recorded import recorded
from proxy.planning.report import figures
from proxy.planning.simulate import Simulation
from proxy.recent import FlowCounts, Slice
from tests.fakes.proxy_parts import proxy_settings

TENANTS = frozenset("abcd")
KIB64 = 65_536


def job(start_s, tenant="a", name="nightly", *, served=25, service_s=0.8, size_bytes=KIB64, **counts):
    """Ten seconds of a job: by default two tasks, whose requests take 0.8 s each."""
    sums = FlowCounts(served=served, served_bytes=served * size_bytes, service_s=served * service_s, **counts)
    return Slice(start_s, (tenant, "batch", name), sums)


def calls(start_s, tenant="b", served=50, service_s=0.004):
    sums = FlowCounts(served=served, served_bytes=served * 1024, service_s=served * service_s)
    return Slice(start_s, (tenant, "interactive", ""), sums)


def hour(*kinds, seconds=300):
    return [kind(start_s) for start_s in range(1000, 1000 + seconds, 10) for kind in kinds]


def test_a_job_has_as_many_tasks_as_it_had_requests_at_a_time():
    load = recorded(hour(job), [8], TENANTS)
    (work,) = load.workload.batch
    assert (work.tenant, work.tasks, work.in_flight, work.request_bytes) == ("a", 2, 1, KIB64)
    assert (work.start_s, work.end_s, load.workload.duration_s) == (0, 300, 300)
    assert load.jobs == {work.name: "nightly"}


def test_calls_arrive_at_the_rate_of_each_ten_seconds():
    load = recorded(hour(calls), [8], TENANTS)
    assert {work.requests_per_s for work in load.workload.interactive} == {5.0}
    assert all(work.end_s - 10 <= work.start_s for work in load.workload.interactive)


def test_the_backends_are_as_fast_as_they_were():
    model = recorded(hour(job, calls), [4, 4], TENANTS).model()
    assert model["workers"] == 8
    assert 65_536 / model["bytes_per_s"] + model["base_s"] == pytest.approx(0.8, rel=0.02)
    assert 1024 / model["bytes_per_s"] + model["base_s"] == pytest.approx(0.0125, abs=0.012)


def test_more_slots_than_workers_are_no_more_work():
    # Eight requests at a time before two workers: three quarters of the time, each waited at the backend.
    model = recorded(hour(lambda at_s: job(at_s, served=25, service_s=3.2)), [2], TENANTS).model()
    assert (model["busy"], KIB64 / model["bytes_per_s"]) == (1.0, pytest.approx(0.8, rel=0.02))


def test_played_again_it_does_what_it_did():
    load = recorded(hour(job, calls), [8], TENANTS)
    played = figures(Simulation(proxy_settings(), load.workload).run())["tenants"]
    for name in ("a/batch", "b/interactive"):
        assert played[name]["bytes_per_s"] == pytest.approx(load.measured[name]["bytes_per_s"], rel=0.15)
    assert played["a/batch"]["refused"] == 0


def test_with_a_lower_limit_the_job_gets_less_and_the_calls_do_not():
    load = recorded(hour(job, calls), [8], TENANTS)
    limited = proxy_settings({"a": {"quota": {"bytes_per_s": 40_000, "burst_bytes": 100_000}}})
    played = figures(Simulation(limited, load.workload).run())["tenants"]
    assert played["a/batch"]["bytes_per_s"] == pytest.approx(40_000, rel=0.1)
    assert played["b/interactive"]["bytes_per_s"] == pytest.approx(5 * 1024, rel=0.15)


def test_a_job_that_was_refused_all_the_time_is_there_too():
    refused = job(1000, served=0, refused=20, refused_bytes=20 * KIB64, away_s=20.0)
    (work,) = recorded([refused, calls(1000)], [2], TENANTS).workload.batch
    assert (work.tasks, work.request_bytes) == (2, KIB64)


def test_of_too_many_requests_the_last_seconds_are_played():
    load = recorded(hour(lambda at_s: calls(at_s, served=9_000)), [8], TENANTS)
    assert load.workload.duration_s == 110


def test_names_that_no_workload_can_have_and_tenants_that_are_gone_do_no_harm():
    load = recorded([job(1000, name="a:b" * 40), job(1000, tenant="gone"), calls(1000)], [2], TENANTS)
    assert list(load.jobs.values()) == ["a:b" * 40]


@pytest.mark.parametrize(("slices", "workers", "says"), [([], [2], "no request"), ([job(1000)], [], "no backend")])
def test_without_anything_to_play_it_says_so(slices, workers, says):
    with pytest.raises(InvalidRequest, match=says):
        recorded(slices, workers, TENANTS)
