import pytest

from nlpbatch.client.policy import RetryPolicy
from proxy.planning.failed_calls import FailedCalls, error_of
from proxy.traffic.retries import Failure

POLICY = RetryPolicy()


def delays(outcome, count, *, chance=0.5):
    """Return what follows so many failures in a row, ten seconds apart."""
    calls = FailedCalls(started_s=0.0)
    return [
        calls.delay_s(error_of(outcome, 10.0 * n), attempt=n, now_s=10.0 * n, chance=chance)
        for n in range(1, count + 1)
    ]


def test_a_request_that_may_be_the_cause_is_given_up_after_as_many_attempts_as_the_client_makes():
    found = delays(500, POLICY.internal_attempts)
    assert None not in found[:-1]
    assert found[-1] is None


@pytest.mark.parametrize("outcome", [503, *Failure])
def test_a_request_is_sent_again_as_long_as_the_service_is_to_blame(outcome):
    assert None not in delays(outcome, 8)


def test_nothing_is_sent_again_after_the_clients_patience():
    calls = FailedCalls(started_s=0.0)
    error = error_of(Failure.BROKEN_OFF, POLICY.patience_s)
    assert calls.delay_s(error, attempt=1, now_s=POLICY.patience_s, chance=0.5) is None


def test_the_wait_doubles_with_each_attempt():
    first, second, third = delays(Failure.BROKEN_OFF, 3)
    assert (first, second, third) == (0.5 * 0.2, 0.5 * 0.4, 0.5 * 0.8)
