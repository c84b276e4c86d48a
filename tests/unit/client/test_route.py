"""One request's way through the addresses."""

import random

import pytest

from nlpbatch import errors
from nlpbatch.client.address import parse_addresses
from nlpbatch.client.endpoints import Endpoints
from nlpbatch.client.failures import NotConnected
from nlpbatch.client.route import Route

POISONED = errors.BackendFailed("two backends failed it")


@pytest.fixture
def endpoints():
    return Endpoints(parse_addresses("http://a,http://b,http://c"), random.Random(1).random)


def answer(endpoints, now_s):
    other = Route(endpoints)
    other.begin(now_s)
    other.answered(now_s)


def test_a_request_that_fails_there_twice_leaves_an_address_that_answers_nothing(endpoints):
    route = Route(endpoints)
    first = route.begin(0.0)
    assert not route.failed(POISONED, 0.1)
    assert route.begin(1.0) == first
    assert route.failed(POISONED, 1.1)
    assert route.begin(2.0) != first


def test_a_request_that_always_fails_does_not_leave_an_address_that_answers_others(endpoints):
    route, visited = Route(endpoints), set()
    for now_s in range(10):
        visited.add(route.begin(float(now_s)))
        assert not route.failed(POISONED, now_s + 0.1)
        answer(endpoints, now_s + 0.5)
    assert len(visited) == 1


def test_two_requests_that_fail_once_each_are_no_reason_to_leave(endpoints):
    for route in (Route(endpoints), Route(endpoints)):
        route.begin(0.0)
        assert not route.failed(POISONED, 0.1)


def test_an_address_is_doubted_by_itself(endpoints):
    """What failed at one address counts there, not at the next one."""
    route = Route(endpoints)
    first = route.begin(0.0)
    route.failed(POISONED, 0.1)
    other = Route(endpoints)
    other.begin(0.2)
    other.failed(NotConnected(""), 0.2)
    second = route.begin(1.0)
    assert second != first
    assert not route.failed(POISONED, 1.1)
    assert route.begin(2.0) == second


def test_only_a_first_attempt_without_a_connection_is_followed_at_once(endpoints):
    route = Route(endpoints)
    route.begin(0.0)
    route.failed(NotConnected(""), 0.0)
    assert route.goes_on_at_once
    route.begin(0.0)
    route.failed(NotConnected(""), 0.0)
    assert not route.goes_on_at_once


def test_nothing_is_followed_at_once_by_an_address_in_back_off(endpoints):
    for _ in range(2):
        other = Route(endpoints)
        other.begin(0.0)
        other.failed(NotConnected(""), 0.0)
    route = Route(endpoints)
    route.begin(0.1)
    route.failed(NotConnected(""), 0.1)
    assert not route.goes_on_at_once


def test_a_request_that_failed_beside_others_follows_them_at_once(endpoints):
    late = Route(endpoints)
    late.begin(0.0)
    first = Route(endpoints)
    first.begin(0.0)
    assert first.failed(NotConnected(""), 0.0)
    assert not late.failed(NotConnected(""), 0.1)
    assert late.goes_on_at_once


def test_errors_at_other_addresses_are_in_the_message(endpoints):
    route = Route(endpoints)
    first = route.begin(0.0)
    route.failed(NotConnected("no answer (refused)"), 0.0)
    route.begin(0.0)
    assert route.other_errors() == f"; {first.url} failed last with service_unreachable: no answer (refused)"


def test_a_single_address_has_no_others_to_tell_of():
    route = Route(Endpoints.of("http://a", random.random))
    route.begin(0.0)
    route.failed(NotConnected("refused"), 0.0)
    assert route.other_errors() == ""
    assert route.service == "http://a"
