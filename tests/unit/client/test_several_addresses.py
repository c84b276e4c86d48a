"""Requests of both clients to a service with several addresses: which address each attempt goes to, and when."""

import asyncio
import json
import random

import pytest

from nlpbatch import AsyncClient, Client, errors
from nlpbatch.client.endpoints import Endpoints
from nlpbatch.client.failures import NotConnected, TimedOut
from nlpbatch.client.messages import HttpAnswer
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.wire.media import JSON
from tests.fakes.transports import EMPTY, FULL, answer, problem

A, B = "http://a:8700", "http://b:8700"
BOTH = f"{A},{B}"
GOOD = answer(EMPTY)
AWAY = NotConnected("refused")
BROKEN = errors.ServiceUnreachable("reset")
DRAINING = problem(errors.Draining("shutting down", retry_after_s=2.0))
NO_ROOM = problem(errors.NoCapacity("no room", retry_after_s=2.0))


@pytest.fixture
def several(driver):
    """Return what makes a client of both addresses, which starts at the first."""
    return lambda *steps, service=BOTH, **arguments: driver(*steps, service=service, **arguments)


def test_all_requests_go_to_the_same_address(several):
    calls = several(GOOD)
    for _ in range(5):
        calls.analyze("가")
    assert len(set(calls.transport.urls)) == 1
    assert calls.client.service == BOTH


def test_without_a_connection_the_next_address_is_tried_at_once(several):
    calls = several(AWAY, GOOD)
    calls.analyze("가")
    calls.analyze("나")
    first, *others = calls.transport.urls
    assert others == [B if first == A else A] * 2
    assert calls.clock.slept == [0.0]
    assert (calls.stats.moves, calls.stats.retries) == (1, 1)


def test_the_second_retry_waits_as_with_a_single_address(several):
    calls = several(AWAY, AWAY, AWAY, GOOD, service=f"{BOTH},http://c")
    calls.analyze("가")
    assert calls.clock.slept == pytest.approx([0.0, 0.2, 0.4])
    assert len(set(calls.transport.urls[:3])) == 3


@pytest.mark.parametrize("failure", [BROKEN, TimedOut("silence")])
def test_after_anything_was_sent_the_next_address_is_tried_after_the_usual_wait(several, failure):
    calls = several(failure, GOOD)
    calls.analyze("가")
    assert len(set(calls.transport.urls)) == 2
    assert calls.clock.slept == pytest.approx([0.1])
    assert calls.stats.moves == 1


def test_a_process_that_shuts_down_is_left_without_the_wait_until_it_is_back(several):
    calls = several(DRAINING, GOOD)
    calls.analyze("가")
    assert len(set(calls.transport.urls)) == 2
    assert calls.clock.slept == pytest.approx([0.1])


def test_a_single_process_that_shuts_down_is_waited_for_and_so_are_all_if_none_is_left(several):
    alone, both = several(DRAINING, GOOD, service=A), several(DRAINING, DRAINING, GOOD)
    alone.analyze("가")
    both.analyze("가")
    assert alone.clock.slept == pytest.approx([2.1])
    assert both.clock.slept == pytest.approx([0.1, 2.1])


def test_requests_that_leave_a_process_that_shuts_down_draw_on_the_retry_budget(several):
    calls = several(DRAINING, GOOD)
    for _ in range(12):
        calls.client._budget.take(calls.clock.monotonic_s())
    calls.analyze("가")
    assert calls.clock.slept == pytest.approx([2.8])


@pytest.mark.parametrize(
    "refusal",
    [FULL, errors.QuotaExceeded("over", retry_after_s=1.0), errors.TenantPaused("", retry_after_s=1.0)],
    ids=["queue", "quota", "paused"],
)
def test_what_every_proxy_would_say_moves_nothing(several, refusal):
    calls = several(*[problem(refusal)] * 3, GOOD)
    calls.analyze("가")
    assert len(set(calls.transport.urls)) == 1
    assert calls.stats.moves == 0


def test_room_that_was_promised_is_asked_for_where_it_was_promised_and_then_elsewhere(several):
    calls = several(NO_ROOM, NO_ROOM, GOOD)
    calls.analyze("가")
    first, again, other = calls.transport.urls
    assert first == again != other
    assert calls.clock.slept == pytest.approx([2.1, 2.1])


def test_every_attempt_is_the_same_request_wherever_it_goes(several):
    calls = several(AWAY, BROKEN, GOOD, service=f"{A}/one,{B}/two", api_key="k-1")
    calls.analyze("가", if_match="f1")
    assert len({id(request) for request in calls.transport.requests}) == 1
    assert {attempt.target for attempt in calls.transport.attempts} == {"/one/v1/analyze", "/two/v1/analyze"}
    assert all(attempt.headers["Authorization"] == "Bearer k-1" for attempt in calls.transport.attempts)


def test_a_pinned_request_has_the_same_key_at_every_address(driver):
    keys = set()
    for service in (A, f"{B}/nlp", BOTH):
        calls = driver(GOOD, service=service)
        calls.analyze("가", if_match="f1")
        keys.add(calls.transport.requests[0].headers["Idempotency-Key"])
    assert len(keys) == 1


def test_the_retry_budget_bounds_moves_too(several):
    """After ten retries at once, each further one waits for its turn, whether or not it goes to another address."""
    calls = several(AWAY)
    for _ in range(10):
        calls.client._budget.take(calls.clock.monotonic_s())
    calls.transport._steps = [AWAY, GOOD]
    calls.analyze("가")
    assert calls.clock.slept == pytest.approx([0.8])  # the request itself has paid for a fifth


def test_if_all_are_down_the_error_names_them_all_with_their_last_reasons(several):
    refused, reset = NotConnected("no answer from one (refused)"), errors.ServiceUnreachable("no answer (reset)")
    calls = several(refused, reset, refused, reset, retry=RetryPolicy(patience_s=0.5))
    with pytest.raises(errors.PatienceExhausted) as caught:
        calls.analyze("가")
    message = caught.value.message
    assert f"gave up on {A} and {B} after" in message
    here, other = calls.transport.urls[-1], ({A, B} - {calls.transport.urls[-1]}).pop()
    assert "the last error was service_unreachable: no answer" in message
    assert f"; {other} failed last with service_unreachable: no answer" in message
    assert f"; {here} failed" not in message
    assert caught.value.details["service"] == BOTH


def test_if_all_are_down_requests_wait_as_with_a_single_address(driver):
    slept = []
    for service in (A, BOTH):
        calls = driver(BROKEN, service=service, retry=RetryPolicy(patience_s=60))
        with pytest.raises(errors.PatienceExhausted):
            calls.analyze("가")
        slept.append(calls.clock.slept)
    assert slept[0] == slept[1]


@pytest.mark.parametrize("final", [errors.Unauthenticated("no key"), errors.UnexpectedAnswer("not HTTP")])
def test_a_final_error_is_not_tried_elsewhere(several, final):
    calls = several(final, GOOD)
    with pytest.raises(type(final)):
        calls.analyze("가")
    assert len(calls.transport.attempts) == 1


def test_calls_about_the_service_move_as_well(several):
    catalogue = HttpAnswer(200, {"Content-Type": JSON}, json.dumps({"analyzers": [], "limits": {}}).encode())
    calls = several(AWAY, catalogue)
    assert calls.analyzers().analyzers == ()
    assert len(set(calls.transport.urls)) == 2


def test_an_answer_that_is_none_of_ours_names_the_address_that_gave_it(several):
    calls = several(AWAY, HttpAnswer(200, {"Content-Type": "text/html"}, b""))
    with pytest.raises(errors.UnexpectedAnswer) as caught:
        calls.analyze("가")
    assert f"POST {calls.transport.urls[1]} was answered with text/html" in caught.value.message


def test_clients_that_share_a_choice_go_on_together(driver):
    shared = Endpoints.of(BOTH, random.random)
    first, second = driver(AWAY, GOOD, service=shared), driver(GOOD, service=shared)
    first.analyze("가")
    second.analyze("나")
    assert second.transport.urls == first.transport.urls[1:]


@pytest.mark.parametrize("given", [BOTH, [A, B], (A, f" {B}/v1 ")])
async def test_both_clients_take_a_string_or_a_list(given):
    with Client(given) as client:
        assert client.service == BOTH
    async with AsyncClient(given) as client:
        assert client.service == BOTH


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_wrong_address_is_refused_when_the_client_is_made(kind):
    with pytest.raises(errors.ConfigError, match="address 2 of 2 is 'b:8700'"):
        kind(f"{A},b:8700")


async def test_a_request_that_is_cancelled_blames_no_address(several):
    waiting = asyncio.Event()

    class Hangs:
        async def send(self, _):
            waiting.set()
            await asyncio.Event().wait()

    client = AsyncClient(BOTH)
    await client._transport.close()
    client._transport = Hangs()
    task = asyncio.create_task(client.analyze("가"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.stats.snapshot().moves == 0
    assert client._endpoints.errors() == {}
