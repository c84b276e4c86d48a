"""Refusals, and requests that come back when they were told to."""

import itertools

import pytest

from proxy.traffic.admission import Refuse
from proxy.traffic.ticket import Ticket
from tests.fakes.controller import BIG, ONE, QUOTAS, backends, full, passed, saturate, traffic
from tests.fakes.proxy_parts import arrival, proxy_settings, waits


def test_a_request_that_comes_back_in_time_is_admitted_before_a_new_one():
    subject, running, waiting = full(proxy_settings(**ONE))
    refusal = subject.arrive(arrival("a", identity="patient"), 1.0)
    assert refusal.cause == "queue_requests"
    subject.finish(running, 1.5)
    assert passed(subject.dispatch(1.5)) == [waiting]
    assert isinstance(subject.arrive(arrival("a"), 1.6), Refuse)
    assert isinstance(subject.arrive(arrival("a", identity="patient"), 1.0 + refusal.retry_after_s), Ticket)


def test_a_request_that_comes_back_too_early_gets_the_same_time_again():
    subject, *_ = full(proxy_settings(**ONE))
    refusal = subject.arrive(arrival("a", identity="hasty"), 1.0)
    again = subject.arrive(arrival("a", identity="hasty"), 1.0 + refusal.retry_after_s / 2)
    assert again.retry_after_s == pytest.approx(refusal.retry_after_s / 2)


def test_a_request_that_does_not_come_back_delays_others_only_briefly():
    subject, running, _ = full(proxy_settings(**ONE))
    subject.arrive(arrival("a", identity="gone"), 1.0)
    subject.finish(running, 1.0)
    subject.dispatch(1.0)
    assert isinstance(subject.arrive(arrival("a"), 2.0), Refuse)
    assert isinstance(subject.arrive(arrival("a"), 60.0), Ticket)


def test_each_refusal_gets_a_later_time():
    subject = traffic(proxy_settings(queue={"requests": 10}, classes=waits(3600)), backends(1))
    saturate(subject, {("a", "", "batch"): 10}, seconds=20)  # one a second
    times = [subject.arrive(arrival("a", cost_bytes=1000), 20.0) for _ in range(20)]
    waits_s = [time.retry_after_s for time in times if isinstance(time, Refuse)]
    assert waits_s[-1] == pytest.approx(len(waits_s), rel=0.3)
    assert all(before < after + 1 for before, after in itertools.pairwise(waits_s))


def test_one_tenant_s_reservations_keep_no_other_tenant_out():
    subject, *_ = full(proxy_settings(**ONE))
    for _ in range(20):
        subject.arrive(arrival("a"), 1.0)
    assert isinstance(subject.arrive(arrival("b"), 1.0), Ticket)


def test_a_request_over_a_burst_is_refused_for_good():
    refusal = traffic(proxy_settings({"a": {"quota": QUOTAS}})).arrive(arrival("a", cost_bytes=8001), 0.0)
    assert (refusal.cause, refusal.scope, refusal.bound, refusal.retry_after_s) == ("burst", "tenant", 8000, None)


def test_a_request_that_would_wait_longer_than_its_caller_is_refused_on_arrival():
    subject = traffic(proxy_settings(**BIG), backends(1))
    saturate(subject, {("a", "", "batch"): 10}, seconds=20)
    assert isinstance(subject.arrive(arrival("a", cost_bytes=1000), 20.0), Ticket)
    refusal = subject.arrive(arrival("a", cost_bytes=1000, wait_s=3.0), 20.0)
    assert (refusal.cause, refusal.bound) == ("wait", 3.0)
    assert refusal.value == pytest.approx(10, abs=3)
