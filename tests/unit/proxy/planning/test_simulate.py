import random
from pathlib import Path

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.serving.settings import load
from proxy.config import ProxySettings
from proxy.planning.report import figures, quantile
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from proxy.traffic.concurrency import AdaptiveLimit
from tests.fakes.proxy_parts import proxy_settings
from tests.fakes.simulated import job, play

CONF = Path(__file__).parents[4] / "conf"


def rates(outcome):
    return {tenant: tally.size_bytes / outcome.duration_s for (tenant, _), tally in outcome.tallies.items()}


TWO_WORKERS = [{"workers": 2, "bytes_per_s": 200_000}]


@pytest.mark.parametrize("file", sorted((CONF / "workloads").glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_workload_plays_with_the_shipped_configuration(file):
    workload = load(file, Workload)
    workers = sum(kind.replicas * kind.workers for kind in workload.backends)
    workload = workload.model_copy(update={"duration_s": 20.0 if workers < 500 else 2.0})
    outcome = Simulation(load(CONF / "proxy.toml", ProxySettings), workload).run()
    assert outcome.tallies["default", "batch"].answered > 0


def test_the_same_seed_gives_the_same_and_another_one_another():
    workload = {"duration_s": 30, "backends": TWO_WORKERS, "batch": [job()]}
    assert figures(play(workload)) == figures(play(workload))
    assert figures(play(workload)) != figures(play(workload | {"seed": 2}))


def test_workers_are_never_idle_while_a_job_has_more_to_send():
    assert play({"duration_s": 120, "backends": TWO_WORKERS, "batch": [job()]}).utilisation > 0.99


def test_two_requests_at_a_time_get_as_much_as_two_hundred():
    jobs = [job("a", in_flight=2), job("b", tasks=100, in_flight=2)]
    served = rates(play({"duration_s": 300, "backends": TWO_WORKERS, "batch": jobs}))
    assert (served["a"] + served["b"]) ** 2 / (2 * (served["a"] ** 2 + served["b"] ** 2)) > 0.98


def test_weights_of_three_to_one_give_three_to_one():
    settings = proxy_settings({"a": {"weight": 3.0}})
    jobs = [job("a", in_flight=20), job("b", in_flight=20)]
    served = rates(play({"duration_s": 300, "backends": TWO_WORKERS, "batch": jobs}, settings))
    assert served["a"] / served["b"] == pytest.approx(3, rel=0.05)


def test_interactive_requests_beside_a_saturating_job_do_not_wait():
    workload = {"duration_s": 120, "backends": TWO_WORKERS, "batch": [job()]}
    interactive = [{"tenant": "b", "requests_per_s": 20}]
    tally = play(workload | {"interactive": interactive}).tallies["b", "interactive"]
    assert quantile(tally.waits_s, 0.99) < 0.01
    assert tally.refused == 0


def test_interactive_requests_do_not_wait_while_a_large_backend_is_probed():
    large = [{"workers": 16, "bytes_per_s": 200_000}]
    workload = {"duration_s": 120, "backends": large, "batch": [job(tasks=10)]}
    interactive = [{"tenant": "b", "requests_per_s": 20}]
    tally = play(workload | {"interactive": interactive}).tallies["b", "interactive"]
    assert quantile(tally.waits_s, 0.999) < 0.01


def test_proxies_say_what_they_had_to_do():
    interactive = [{"tenant": "a", "requests_per_s": 100}]
    jobs = [job(tasks=40, in_flight=1)]
    workload = {"duration_s": 60, "backends": TWO_WORKERS, "batch": jobs, "interactive": interactive}
    outcome = play(workload | {"proxies": {"count": 2}}, proxy_settings(queue={"requests": 10}))
    came = sum(tally.answered + tally.refused for tally in outcome.tallies.values())
    assert sum(load.requests_per_s for load in outcome.proxies) == pytest.approx(came / 60, rel=0.05)
    assert all(10 <= load.most_waiting <= 14 for load in outcome.proxies)
    assert [set(load) for load in figures(outcome)["proxies"]] == [{"requests_per_s", "most_waiting"}] * 2


def test_a_flood_of_interactive_requests_does_not_stop_a_job():
    interactive = [{"tenant": "a", "requests_per_s": 1000}]
    workload = {"duration_s": 30, "backends": TWO_WORKERS, "batch": [job()], "interactive": interactive}
    served = {name: tally.size_bytes for (_, name), tally in play(workload).tallies.items()}
    assert served["batch"] > 0.4 * sum(served.values())


def test_ten_times_what_fits_costs_no_throughput():
    settings = proxy_settings(queue={"requests": 20})
    workload = {"duration_s": 300, "backends": TWO_WORKERS, "batch": [job(tasks=100, in_flight=2)]}
    assert rates(play(workload, settings))["a"] > 0.95 * 400_000


def test_a_request_that_waits_as_long_as_its_refusal_says_is_admitted():
    settings = proxy_settings(queue={"requests": 20})
    outcome = play({"duration_s": 300, "backends": TWO_WORKERS, "batch": [job(tasks=60, in_flight=2)]}, settings)
    tally = outcome.tallies["a", "batch"]
    assert tally.first_tries_back > 100
    assert tally.let_in_at_once >= 0.9 * tally.first_tries_back


@pytest.mark.parametrize(("old", "new"), [("jobs", "batch"), ("people", "interactive")])
def test_a_renamed_table_of_a_workload_is_refused_with_its_new_name(old, new):
    with pytest.raises(ConfigError, match=rf"{old}: renamed: write \[\[{new}\]\] instead"):
        play({"backends": TWO_WORKERS, old: [job()]})


def test_a_workload_of_unknown_tenants_is_refused():
    with pytest.raises(ValueError, match="tenants nobody"):
        play({"backends": TWO_WORKERS, "batch": [job("nobody")]})


class Station:
    """A backend of so many workers for a limit alone: a request that finds no slot is rejected, not queued."""

    def __init__(self, workers, *, seed=1):
        self.limit = AdaptiveLimit(2.0, 4.0)
        self.limit.stated(workers)
        self.free_s = [0.0] * workers
        self.under_way = []
        self.random = random.Random(seed)
        self.rejected = self.offered = 0

    def offer(self, now_s, service_s, cost_bytes):
        """Send a request if the limit lets it in; learn from those that have ended."""
        for one in [one for one in self.under_way if one[0] <= now_s]:
            self.under_way.remove(one)
            end_s, sent_s, size_bytes, in_flight = one
            self.limit.record(
                now_s=end_s, seconds=end_s - sent_s, cost_bytes=size_bytes, in_flight=in_flight, failed=False
            )
        self.offered += 1
        if len(self.under_way) >= self.limit.value:
            self.rejected += 1
            return
        worker = min(range(len(self.free_s)), key=self.free_s.__getitem__)
        end_s = max(now_s, self.free_s[worker]) + service_s * self.random.lognormvariate(0, 0.1)
        self.free_s[worker] = end_s
        self.under_way.append((end_s, now_s, cost_bytes, len(self.under_way) + 1))
        self.under_way.sort()

    def load(self, part, characters, *, from_s, seconds, slowness=1.0):
        """Offer a part of what fits, of texts of that length: 5 ms and 50 µs a character."""
        service_s = (0.005 + 50e-6 * characters) * slowness
        now_s = from_s
        while now_s < from_s + seconds:
            now_s += self.random.expovariate(part * len(self.free_s) / service_s)
            self.offer(now_s, service_s, characters * 3)


def test_a_shift_from_short_texts_to_long_ones_is_not_taken_for_congestion():
    station = Station(32)
    station.load(0.7, 100, from_s=0, seconds=30)
    station.offered = station.rejected = 0
    station.load(0.7, 4000, from_s=30, seconds=120)
    assert station.rejected < 0.01 * station.offered


def test_overload_is_rejected_and_no_more_than_that():
    station = Station(32)
    station.load(0.7, 1000, from_s=0, seconds=20)
    station.offered = station.rejected = 0
    station.load(1.3, 1000, from_s=20, seconds=60)
    assert station.rejected / station.offered == pytest.approx(0.23, abs=0.03)


def test_a_backend_at_half_its_speed_finds_its_limit_within_ten_seconds_and_stays_busy():
    station = Station(8)
    station.load(1.5, 1000, from_s=0, seconds=30)
    station.load(3.0, 1000, from_s=30, seconds=10, slowness=2.0)
    settled = station.limit.value
    station.offered = station.rejected = 0
    station.load(3.0, 1000, from_s=40, seconds=30, slowness=2.0)
    accepted = 1 - station.rejected / station.offered
    assert accepted * 3.0 == pytest.approx(1.0, abs=0.05)
    assert station.limit.value == pytest.approx(settled, abs=4)
    assert 9 <= settled <= 18
