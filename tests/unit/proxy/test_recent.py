import json
import time

import pytest

from nlpbatch.errors import BudgetExhausted, QuotaExceeded, Unauthenticated
from proxy.recent import MAX_REFUSALS, OTHER, Recent, Slice, joined, summed
from proxy.traffic.slots import Backend, Lease
from proxy.traffic.ticket import Ticket
from tests.fakes.proxy_parts import arrival

BEGAN_S = 1_795_000_000


class Clock:
    def __init__(self):
        self.now_s = float(BEGAN_S)

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def recent(clock):
    return Recent(clock)


def counts(recent):
    return summed(recent.slices())


def test_requests_are_added_up_by_flow(recent):
    for _ in range(3):
        recent.ended("a", arrival("a", "nightly", 2000), None, 200, None)
    recent.ended("a", arrival("a", "nightly", 500), None, 429, QuotaExceeded("too much", retry_after_s=2.5))
    recent.ended("b", arrival("b"), None, 500, None)
    recent.ended("b", arrival("b"), None, 499, None)
    found = counts(recent)
    nightly, other = found["a", "batch", "nightly"], found["b", "batch", ""]
    assert (nightly.answered, nightly.answered_bytes, nightly.refused, nightly.refused_bytes) == (3, 6000, 1, 500)
    assert nightly.away_s == 2.5
    assert (other.answered, other.failed, other.abandoned) == (0, 1, 1)


def test_what_is_older_than_ten_minutes_is_forgotten(recent, clock):
    recent.ended("a", arrival("a"), None, 200, None)
    clock.now_s += 595
    recent.ended("b", arrival("b"), None, 200, None)
    assert {flow[0] for flow in counts(recent)} == {"a", "b"}
    clock.now_s += 10
    assert {flow[0] for flow in counts(recent)} == {"b"}
    clock.now_s += 3600
    assert recent.slices() == []


def test_a_clock_that_is_set_back_leaves_nothing_from_the_future(recent, clock):
    recent.ended("a", arrival("a"), None, 200, None)
    clock.now_s -= 3600
    recent.ended("b", arrival("b"), None, 200, None)
    assert {flow[0] for flow in counts(recent)} == {"b"}


def test_names_of_jobs_that_callers_invent_take_no_more_room_than_there_is(recent):
    for number in range(1000):
        recent.ended("a", arrival("a", f"job-{number}"), None, 429, QuotaExceeded("x"))
    assert len(recent.slices()) == 51
    assert counts(recent)["a", "batch", OTHER].refused == 950
    assert sum(recent.reasons().values()) == 1000
    assert len(recent.reasons()) == 201


def test_one_tenant_s_names_of_jobs_leave_those_of_others_apart(recent):
    for number in range(1000):
        recent.ended("a", arrival("a", f"job-{number}"), None, 200, None)
    recent.ended("a", arrival("a"), None, 200, None)
    recent.ended("b", arrival("b", "nightly"), None, 200, None)
    found = counts(recent)
    assert (found["a", "batch", ""].answered, found["b", "batch", "nightly"].answered) == (1, 1)


def test_who_comes_back_tomorrow_is_not_under_way_until_then(recent):
    recent.ended("a", arrival("a"), None, 429, QuotaExceeded("x", retry_after_s=2.0))
    recent.ended("a", arrival("a"), None, 429, BudgetExhausted("x", retry_after_s=86_400.0))
    assert counts(recent)["a", "batch", ""].away_s == 2.0


def test_requests_without_a_key_push_out_no_others(recent):
    recent.ended("a", arrival("a"), None, 429, QuotaExceeded("x"))
    for _ in range(1000):
        recent.ended("-", None, None, 401, Unauthenticated("no key"))
    assert "a" in {one["tenant"] for one in recent.refusals()}


def test_the_last_refusals_are_there_with_their_reasons_the_newest_first(recent, clock):
    recent.ended("-", None, None, 401, Unauthenticated("no API key that this proxy knows"))
    clock.now_s += 1
    error = QuotaExceeded("tenant a may send 10 bytes a second", retry_after_s=1.0, cause="rate")
    recent.ended("a", arrival("a", "nightly"), None, 429, error)
    last, first = recent.refusals()
    assert last | {"at": "2026-11-18T11:06:41Z", "tenant": "a", "job": "nightly", "class": "batch"} == last
    assert (last["code"], last["cause"], last["retry_after_s"]) == ("quota_exceeded", "rate", 1.0)
    assert (first["tenant"], first["key"], first["code"]) == ("-", None, "unauthenticated")
    assert recent.reasons() == {
        ("-", "", "", "unauthenticated", ""): 1,
        ("a", "batch", "nightly", "quota_exceeded", "rate"): 1,
    }


def test_no_more_refusals_are_kept_than_there_is_room_for(recent):
    for _ in range(MAX_REFUSALS + 50):
        recent.ended("a", arrival("a"), None, 503, None)
    assert len(recent.refusals()) == MAX_REFUSALS
    assert recent.refusals()[0]["reason"] == "the API answered with HTTP 503: its own log says why"


def test_several_processes_are_added_up_over_json(clock):
    one, other = Recent(clock), Recent(clock)
    for recent, size_bytes in ((one, 10), (other, 20)):
        recent.ended("a", arrival("a", cost_bytes=size_bytes), None, 200, None)
    clock.now_s += 10
    other.ended("a", arrival("a", cost_bytes=40), None, 200, None)
    told = [
        [Slice.from_json(json.loads(json.dumps(part.to_json()))) for part in recent.slices()] for recent in (one, other)
    ]
    whole = joined(told)
    assert [(part.start_s, part.counts.answered_bytes) for part in whole] == [(BEGAN_S, 30), (BEGAN_S + 10, 40)]


def test_a_request_that_had_a_slot_is_counted_with_its_wait_and_the_time_that_it_had_it(recent):
    slot = Lease(Ticket("a", "", 100, 0.0), Backend("http://b", None), 1, time.monotonic() - 2.0, 0.5)
    for status in (200, 500, 499):
        recent.ended("a", arrival("a"), slot, status, None)
    found = counts(recent)["a", "batch", ""]
    assert (found.served, found.served_bytes, found.wait_s, found.longest_wait_s) == (3, 300, 1.5, 0.5)
    assert found.service_s == pytest.approx(6.0, abs=0.5)
