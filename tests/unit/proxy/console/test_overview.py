"""What the dashboard shows, put together of what processes tell."""

import json

import pytest

from nlpbatch.errors import QuotaExceeded
from proxy.console.overview import Told, overview
from proxy.console.part import part_of
from proxy.recent import Recent
from proxy.traffic.concurrency import new_limit
from proxy.traffic.controller import TrafficController
from proxy.traffic.slots import Backend
from tests.fakes.proxy_parts import arrival, proxy_settings

NOW_S = 1_795_000_005.0
BUDGET = {"limit_bytes": 1_000_000, "used_bytes": 900_000, "left_bytes": 100_000, "begins_again_at": "…"}


class Observed:
    """A proxy with one slot."""

    def __init__(self, settings):
        self.settings = settings
        self.backend = Backend("http://b", new_limit(settings.concurrency), ready=True, workers=1)
        self.backend.limit.stated(1)
        self.traffic = TrafficController(settings, [self.backend], chance=lambda: 0.5, choose=lambda _: 0)
        self.recent = Recent(lambda: NOW_S)


@pytest.fixture
def settings():
    quota = {"quota": {"bytes_per_s": 1000, "burst_bytes": 100_000, "concurrency": 4}}
    return proxy_settings({"a": quota}, concurrency={"policy": "fixed", "per_worker": 1.0}, queue={"requests": 10})


def told(settings, *proxies, **members):
    tenants = {
        name: {
            "paused": False,
            "in_flight": 0,
            "queue_requests": 0,
            "budget": {"bytes_per_day": BUDGET} if name == "b" else None,
        }
        for name in settings.tenants
    }
    state = {
        "draining": False,
        "tenants": tenants,
        "backends": [{"url": "http://b", "ready": True, "in_flight": 1, "limit": 1, "workers": 1}],
    }
    given = {
        "settings": settings,
        "state": state,
        "parts": [json.loads(json.dumps(part_of(proxy, 0))) for proxy in proxies],
        "totals": {"a": {"200": 7, "429": 2}},
        "config": {"generation": 1, "valid": True, "faults": [], "last_reload": None},
        "usage": {
            "today": [],
            "month": [],
            "jobs": [{"tenant": "a", "job": "nightly", "answered_bytes": 5, "documents": 2}],
        },
        "keys": [],
        "audit": [],
    }
    return Told(**given | members)


def loaded(settings, waiting=3):
    proxy = Observed(settings)
    for _ in range(waiting + 1):
        proxy.traffic.arrive(arrival("a", "nightly", 2000), 0.0)
        proxy.traffic.dispatch(0.0)
    for _ in range(5):
        proxy.recent.ended("a", arrival("a", "nightly", 2000), None, 200, None)
    error = QuotaExceeded("tenant a may send 1,000 bytes a second", retry_after_s=1.0, cause="rate")
    proxy.recent.ended("a", arrival("a", "nightly"), None, 429, error)
    return proxy


def test_what_waits_is_under_way_and_was_answered_is_shown_by_tenant_class_and_job(settings):
    found = overview(told(settings, loaded(settings)), NOW_S)
    a = next(one for one in found["tenants"] if one["tenant"] == "a")
    assert (a["waiting"], a["waiting_bytes"], a["answered"], a["refused"]) == (3, 6000, 5, 1)
    assert (a["requests_total"], a["refused_total"]) == (9, 2)
    assert a["bytes_per_s"] == round(10_000 / 15)
    assert [(one["class"], one["waiting"], one["refused"]) for one in found["classes"]] == [
        ("interactive", 0, 0),
        ("batch", 3, 1),
    ]
    (job,) = found["jobs"]
    assert (job["job"], job["waiting"], job["in_flight"], job["today_bytes"]) == ("nightly", 3, 1, 5)
    assert (found["totals"]["waiting"], found["totals"]["slots"], found["totals"]["requests_total"]) == (3, 1, 9)
    assert found["history"] == [{"start_s": 1_795_000_000, "answered_bytes": 10_000, "answered": 5, "refused": 1}]


def test_who_was_refused_and_why(settings):
    refusals = overview(told(settings, loaded(settings)), NOW_S)["refusals"]
    assert refusals["reasons"] == [
        {"tenant": "a", "class": "batch", "job": "nightly", "code": "quota_exceeded", "cause": "rate", "count": 1}
    ]
    assert refusals["last"][0]["reason"] == "tenant a may send 1,000 bytes a second"


def test_what_will_be_full_first_stands_first(settings):
    levels = overview(told(settings, loaded(settings)), NOW_S)["fullest"]
    parts = {(one["whose"], one["what"]): one["part"] for one in levels}
    assert parts["tenant a", "requests at a time"] == 1.0
    assert parts["the backends", "slots"] == 1.0
    assert parts["tenant b", "budget of the day"] == 0.9
    assert parts["tenant a", "queue of batch requests"] == 0.3
    assert parts["tenant a", "burst"] == 0.08
    assert parts["tenant a", "rate"] == 0.667
    assert [one["part"] for one in levels] == sorted(parts.values(), reverse=True)
    setting = {(one["whose"], one["what"]): one["setting"] for one in levels}
    assert setting["tenant a", "requests at a time"] == "tenants.a.quota.concurrency"
    assert setting["tenant b", "budget of the day"] == "tenants.b.budget.bytes_per_day"


def test_several_processes_are_one(settings):
    found = overview(told(settings, loaded(settings), loaded(settings, waiting=1)), NOW_S)
    assert (found["totals"]["waiting"], found["totals"]["answered"], found["totals"]["refused"]) == (4, 10, 2)
    assert found["jobs"][0]["in_flight"] == 2
    parts = {(one["whose"], one["what"]): one["part"] for one in found["fullest"]}
    assert parts["tenant a", "queue of batch requests"] == 0.2  # each has a queue of ten


def test_of_many_keys_those_of_the_file_and_the_newest_are_shown(settings):
    keys = [{"id": "f", "source": "file"}, *({"id": number, "source": "issued"} for number in range(500))]
    found = overview(told(settings, Observed(settings), keys=keys), NOW_S)
    assert [key["id"] for key in found["keys"]] == ["f", *range(499, 300, -1)]
    assert found["keys_total"] == 501


def test_a_proxy_that_has_done_nothing_shows_nothing(settings):
    found = overview(told(settings, Observed(settings), totals={}, usage=None), NOW_S)
    assert (found["jobs"], found["history"], found["refusals"]["last"]) == ([], [], [])
    assert found["totals"]["wait_s"] is None
