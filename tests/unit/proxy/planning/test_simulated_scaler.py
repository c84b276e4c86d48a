from pathlib import Path

from nlpbatch.serving.settings import check, load
from proxy.config import ProxySettings
from proxy.planning.report import figures
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from tests.fakes.running_proxy import ENTRY

RUSH = load(Path(__file__).parents[4] / "conf" / "workloads" / "scaled-rush.toml", Workload)


def settings(**scaling):
    members = {"backends": [{"url": "http://a"}], "tenants": {"default": {"keys": [ENTRY]}}, "scaling": scaling}
    return check(members, ProxySettings, "test")


def steps(outcome):
    return [(at_s, workers) for at_s, workers, _ in outcome.scaling]


def test_workers_follow_a_rush_and_leave_after_it():
    outcome = Simulation(settings(min_workers=2, max_workers=16), RUSH).run()
    (job,) = (work for work in RUSH.batch)
    assert next(at_s for at_s, workers in steps(outcome) if workers > 2) < job.start_s + 60
    most_s = next(at_s for at_s, workers in steps(outcome) if workers == 16)
    assert most_s < job.start_s + 180
    tally = outcome.tallies["default", "batch"]
    assert tally.size_bytes >= job.size_bytes
    assert (tally.failed, tally.given_up) == (0, 0)  # no request is lost with the workers that leave
    ended_s = max(tally.bytes_by_second) + 1
    assert steps(outcome)[-1][1] == 2
    assert steps(outcome)[-1][0] < ended_s + 300


def test_workers_that_are_starting_are_not_started_again():
    slow = RUSH.model_copy(update={"scaler": RUSH.scaler.model_copy(update={"start_s": 100.0, "period_s": 1.0})})
    outcome = Simulation(settings(min_workers=2, max_workers=400), slow).run()
    assert max(workers for at_s, workers in steps(outcome) if at_s < 150) == 4


def test_without_a_scaler_nothing_is_said_of_it():
    alone = RUSH.model_copy(update={"scaler": None, "duration_s": 20.0})
    assert "scaling" not in figures(Simulation(settings(), alone).run())
    said = figures(Simulation(settings(min_workers=4), RUSH.model_copy(update={"duration_s": 60.0})).run())["scaling"]
    assert said[0].keys() == {"at_s", "workers", "wanted"}
