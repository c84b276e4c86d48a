"""What check, diff and explain say of budgets before they are live."""

import pytest

from nlpbatch.serving.settings import check
from proxy.planning.check import summary, warnings
from proxy.planning.diff import changes
from proxy.planning.explain import Load, allowances
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from tests.fakes.proxy_parts import proxy_settings

GB = 10**9
FORGOTTEN = "tenants.a.budget: a restart forgets what was used"


def settings(quota=None, **budget):
    return proxy_settings({"a": {"budget": budget} | ({} if quota is None else {"quota": {"bytes_per_s": quota}})})


def test_the_summary_gives_a_tenant_s_budget():
    text = "\n".join(summary(settings(bytes_per_day=GB, bytes_per_month=9 * GB)))
    assert "no quota, 1,000,000,000 bytes a day and 9,000,000,000 bytes a month at most, 1 key" in text


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (settings(bytes_per_day=2 * GB, bytes_per_month=GB), "are over those of a month, 1,000,000,000: bytes_per_day"),
        (
            settings(quota=10**6, bytes_per_day=3 * 10**8),
            "tenants.a.budget.bytes_per_day: the quota of 1,000,000 bytes/s uses it up in 5 minutes: raise it",
        ),
        (settings(bytes_per_month=10**6), "budget.bytes_per_month: requests over 1,000,000 bytes never pass"),
    ],
)
def test_a_likely_mistake_is_named_with_a_remedy(given, wanted):
    warning, forgotten = warnings(given)
    assert wanted in warning
    assert forgotten.startswith(FORGOTTEN)


def test_with_a_shared_store_nothing_is_forgotten(monkeypatch):
    monkeypatch.setenv("NLPBATCH_SHARED_SECRET", "x" * 16)
    shared = {"url": "redis://10.0.0.9"}
    assert warnings(proxy_settings({"a": {"budget": {"bytes_per_day": GB}}}, shared=shared)) == []


def test_it_may_be_the_limit_that_binds():
    first = allowances(settings(bytes_per_day=86_400, bytes_per_month=GB), Load("a", 65_536))[0]
    assert (first.name, first.bytes_per_s) == ("tenants.a.budget.bytes_per_day", 1.0)


def test_the_simulator_stops_a_job_at_its_budget():
    workload = {
        "duration_s": 60,
        "backends": [{"workers": 2, "bytes_per_s": 200_000}],
        "batch": [{"tenant": name, "name": name, "in_flight": 8} for name in "ab"],
    }
    limited = settings(bytes_per_day=2_000_000)
    outcome = Simulation(limited, check(workload, Workload, "test")).run()
    assert 1_800_000 < outcome.tallies["a", "batch"].size_bytes <= 2_000_000
    assert outcome.tallies["b", "batch"].size_bytes > 10_000_000


def test_a_change_is_listed_with_both_values():
    (change,) = changes(settings(bytes_per_day=GB), settings(bytes_per_day=2 * GB))
    assert (change.who, change.what, change.before, change.after, change.effect) == (
        "a",
        "budget, bytes_per_day",
        "1,000,000,000",
        "2,000,000,000",
        "gains",
    )
