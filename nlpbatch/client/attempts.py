"""The attempts of one logical request: tenacity's hooks, which apply the pure retry policy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypedDict

from tenacity import RetryCallState

from nlpbatch.client.calls import Trace
from nlpbatch.client.endpoints import Endpoints
from nlpbatch.client.messages import Attempt, HttpAnswer, HttpRequest
from nlpbatch.client.policy import RetryPolicy, attempt_timeout_s, is_doubtful, next_delay_s
from nlpbatch.client.retry_budget import RetryBudget
from nlpbatch.client.route import Route
from nlpbatch.client.stats import StatsKeeper
from nlpbatch.clock import Clock
from nlpbatch.errors import BudgetExhausted, InternalError, NlpbatchError, PatienceExhausted
from nlpbatch.wire.media import IDEMPOTENCY_REPLAYED


class Hooks(TypedDict):
    """The arguments that `Retrying` and `AsyncRetrying` share."""

    retry: Callable[[RetryCallState], bool]
    wait: Callable[[RetryCallState], float]
    stop: Callable[[RetryCallState], bool]
    before_sleep: Callable[[RetryCallState], None]
    retry_error_callback: Callable[[RetryCallState], Any]


class RequestAttempts:
    """Counts one request's attempts and decides between them; used by one caller, then thrown away."""

    def __init__(
        self,
        request: HttpRequest,
        policy: RetryPolicy,
        *,
        endpoints: Endpoints,
        clock: Clock,
        chance: Callable[[], float],
        stats: StatsKeeper,
        budget: RetryBudget,
        on_retry: Callable[[NlpbatchError], None] | None = None,
    ) -> None:
        self._request = request
        self._policy = policy
        self._route = Route(endpoints)
        self._clock = clock
        self._chance = chance
        self._stats = stats
        self._budget = budget
        self._on_retry = on_retry
        self._started_s = clock.monotonic_s()
        self._made = 0
        self._doubtful = 0
        self._delay_s: float | None = None

    def trace(self, answer: HttpAnswer) -> Trace:
        """Return the trace of the request that has this answer."""
        request = self._request
        replayed = answer.headers.get(IDEMPOTENCY_REPLAYED) == "true"
        return Trace(request.request_id, self._made, replayed, len(request.body or b""))

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Count one attempt, yield it, record how it ended, and add the request's id to its error."""
        self._made += 1
        self._stats.sent(len(self._request.body or b""), again=self._made > 1)
        if self._made == 1:
            self._budget.request()
        address = self._route.begin(self._clock.monotonic_s())
        try:
            yield Attempt(self._request, address, attempt_timeout_s(self._policy, self._elapsed_s()))
        except NlpbatchError as error:
            error.request_id = error.request_id or self._request.request_id
            if self._route.failed(error, self._clock.monotonic_s()):
                self._stats.moved()
            raise
        self._route.answered(self._clock.monotonic_s())

    def hooks(self) -> Hooks:
        """Return the hooks for tenacity, which calls `retry`, `wait`, `stop` in this order."""
        return {
            "retry": self._retry,
            "wait": self._wait,
            "stop": self._stop,
            "before_sleep": self._before_sleep,
            "retry_error_callback": self._give_up,
        }

    def _retry(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        return isinstance(error, NlpbatchError) and error.retryable

    def _wait(self, state: RetryCallState) -> float:
        error = _error(state)
        self._doubtful += is_doubtful(error)
        self._delay_s = next_delay_s(
            self._policy,
            attempt=self._made,
            doubtful=self._doubtful,
            elapsed_s=self._elapsed_s(),
            error=error,
            chance=self._chance(),
            least_s=self._budget_delay_s(error),
            at_once=self._route.goes_on_at_once,
            is_left=self._route.leaves_draining,
        )
        return self._delay_s or 0.0

    def _budget_delay_s(self, error: NlpbatchError) -> float:
        """Return the seconds until the retry budget allows one more; 0 where the service itself says when."""
        unasked = error.retryable and (error.retry_after_s is None or self._route.leaves_draining)
        return self._budget.take(self._clock.monotonic_s()) if unasked else 0.0

    def _stop(self, _: RetryCallState) -> bool:
        return self._delay_s is None

    def _before_sleep(self, state: RetryCallState) -> None:
        error = _error(state)
        self._stats.waits(self._delay_s or 0.0, error)
        if self._on_retry is not None:
            self._on_retry(error)

    def _give_up(self, state: RetryCallState) -> NoReturn:
        error = _error(state)
        if isinstance(error, BudgetExhausted):
            raise error  # it says itself when to come back, and more patience is seldom the remedy
        waited_s = self._elapsed_s()
        tried = self._route.service.replace(",", " and ")
        asked = "" if error.retry_after_s is None else f" (it asks to wait {error.retry_after_s:,.1f} s)"
        remedy = (
            f"report request {error.request_id}" if is_doubtful(error) else "check that it runs, or raise patience_s"
        )
        raise PatienceExhausted(
            f"gave up on {tried} after {self._made:,} attempts in {waited_s:,.1f} s, "
            f"with a patience of {self._policy.patience_s:,g} s: {remedy}; "
            f"the last error was {error.code}{asked}: {error.message}{self._route.other_errors()}",
            request_id=error.request_id,
            retry_after_s=error.retry_after_s,
            service=self._route.service,
            waited_s=waited_s,
            attempts=self._made,
            last_code=error.code,
        ) from error

    def _elapsed_s(self) -> float:
        return self._clock.monotonic_s() - self._started_s


def _error(state: RetryCallState) -> NlpbatchError:
    error = state.outcome.exception() if state.outcome else None
    # tenacity calls this only with errors for which `_retry` returned True.
    return error if isinstance(error, NlpbatchError) else InternalError(f"not an error of ours: {error!r}")
