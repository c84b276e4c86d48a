"""When a simulated caller sends a failed request again: the client's own retry policy. Pure.

The client's retry budget is left out. It holds back a client that sends more than a few requests a second while many of
them fail; a task of a job doesn't.
"""

from nlpbatch.client.policy import RetryPolicy, is_doubtful, next_delay_s
from nlpbatch.errors import BackendFailed, NlpbatchError, ServiceTimeout
from nlpbatch.wire.problem import from_answer
from proxy.traffic.retries import Failure, Outcome

_POLICY = RetryPolicy()


class FailedCalls:
    """The failures of one logical request.

    Args:
        started_s: When the request was sent for the first time.

    """

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._doubtful = 0

    def delay_s(self, error: NlpbatchError, *, attempt: int, now_s: float, chance: float) -> float | None:
        """Return the seconds until the request is sent again; None if the client gives it up.

        Args:
            error: What the client made of the answer.
            attempt: How often the caller has sent the request, from 1.
            now_s: Now.
            chance: Uniform in [0, 1).

        """
        self._doubtful += is_doubtful(error)
        return next_delay_s(
            _POLICY,
            attempt=attempt,
            doubtful=self._doubtful,
            elapsed_s=now_s - self._started_s,
            error=error,
            chance=chance,
        )


def error_of(outcome: Outcome, now_s: float) -> NlpbatchError:
    """Return the error that the client makes of the proxy's answer, or of how its last attempt ended without one."""
    if outcome is Failure.TIMED_OUT:
        return ServiceTimeout("the backend took too long")
    if isinstance(outcome, Failure):
        return BackendFailed("no backend answered")
    return from_answer(outcome, {}, b"", now_s=now_s)
