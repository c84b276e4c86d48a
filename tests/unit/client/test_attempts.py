"""The attempts of a request, in both clients: waits, patience, and errors that are final."""

import asyncio

import pytest

from nlpbatch import errors
from nlpbatch.client.policy import RetryPolicy
from tests.fakes.transports import EMPTY, FULL, URL, Driver, answer, problem


def test_an_overloaded_service_is_asked_again_when_it_said(driver):
    calls = driver(problem(FULL), problem(FULL), answer(EMPTY))
    calls.analyze("가")
    assert calls.clock.slept == pytest.approx([2.1, 2.1])
    assert calls.stats.throttled_s == pytest.approx(4.2)
    assert (calls.stats.requests, calls.stats.retries, calls.stats.backoff_s) == (1, 2, 0.0)


def test_an_unreachable_service_is_asked_again_with_growing_pauses(driver):
    calls = driver(errors.ServiceUnreachable("refused"), errors.ServiceTimeout("slow"), answer(EMPTY))
    calls.analyze("가")
    assert calls.clock.slept == pytest.approx([0.1, 0.2])
    assert (calls.stats.throttled_s, calls.stats.backoff_s) == (0.0, pytest.approx(0.3))


def test_bytes_of_every_attempt_are_counted(driver):
    refusal, good = problem(FULL), answer(EMPTY)
    calls = driver(refusal, good)
    calls.analyze("가")
    assert calls.stats.sent_bytes == 2 * len(calls.transport.requests[0].body)
    assert calls.stats.received_bytes == len(refusal.body) + len(good.body)


def test_a_budget_that_begins_again_after_the_patience_is_an_error_at_once(driver):
    spent = errors.BudgetExhausted("…", retry_after_s=3600, begins_again_at="2027-01-31T00:00:00Z")
    calls = driver(problem(spent))
    with pytest.raises(errors.BudgetExhausted) as caught:
        calls.analyze("가")
    assert caught.value.details == {"begins_again_at": "2027-01-31T00:00:00Z"}
    assert (calls.clock.slept, len(calls.transport.requests)) == ([], 1)


def test_a_budget_that_begins_again_soon_is_waited_for(driver):
    calls = driver(problem(errors.BudgetExhausted("…", retry_after_s=60)), answer(EMPTY))
    calls.analyze("가")
    assert calls.clock.slept == pytest.approx([63.0])


def test_patience_ends_in_an_error_that_tells_the_whole_story(driver):
    calls = driver(problem(FULL), retry=RetryPolicy(patience_s=5))
    with pytest.raises(errors.PatienceExhausted) as caught:
        calls.analyze("가")
    error = caught.value
    for part in (URL, "3 attempts", "4.2 s", "patience of 5 s", "queue_full", "asks to wait 2.0 s", "too much waits"):
        assert part in error.message
    assert error.details == {"service": URL, "waited_s": pytest.approx(4.2), "attempts": 3, "last_code": "queue_full"}
    assert error.request_id == calls.transport.requests[0].request_id
    assert isinstance(error.__cause__, errors.QueueFull)


def test_an_internal_error_is_tried_three_times(driver):
    calls = driver(problem(errors.InternalError("a defect")))
    with pytest.raises(
        errors.PatienceExhausted, match=r"3 attempts.*: report request \w{32}; the last error was internal: a defect"
    ):
        calls.analyze("가")
    assert len(calls.transport.requests) == 3


def test_the_last_attempt_ends_with_the_patience(driver):
    calls = driver(problem(FULL), retry=RetryPolicy(patience_s=5, attempt_timeout_s=3.5, connect_timeout_s=0.5))
    with pytest.raises(errors.PatienceExhausted):
        calls.analyze("가")
    assert calls.transport.timeouts_s == pytest.approx([3.5, 2.9, 0.8])


@pytest.mark.parametrize(
    "error",
    [
        errors.Unauthenticated("no key"),
        errors.UnknownAnalyzer("no such analyzer", analyzers=["default"]),
        errors.FingerprintMismatch("another", fingerprint="f2"),
    ],
)
def test_a_final_error_comes_at_once_and_as_it_is(driver, error):
    calls = driver(problem(error))
    with pytest.raises(type(error)) as caught:
        calls.analyze("가")
    assert (caught.value.message, caught.value.details) == (error.message, error.details)
    assert caught.value.request_id == calls.transport.requests[0].request_id
    assert (len(calls.transport.requests), calls.clock.slept) == (1, [])


def test_what_is_no_error_of_ours_is_not_tried_again(driver):
    calls = driver(KeyError("a defect here"))
    with pytest.raises(KeyError):
        calls.analyze("가")
    assert len(calls.transport.requests) == 1


async def test_cancelling_ends_the_wait_between_attempts():
    waiting = asyncio.Event()

    async def forever(_):
        waiting.set()
        await asyncio.Event().wait()

    calls = Driver("async", problem(FULL))
    calls.client._sleep = forever
    task = asyncio.create_task(calls.client.analyze("가"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_an_interrupt_between_attempts_gets_through():
    def interrupt(_):
        raise KeyboardInterrupt

    calls = Driver("sync", problem(FULL))
    calls.clock.sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        calls.analyze("가")
