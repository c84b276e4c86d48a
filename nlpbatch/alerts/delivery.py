"""Sends an alert to all hooks at once, tries again a few times, and ends in time, whatever they do.

Nothing that goes wrong here is anything but a line in the log: an alert never decides how a run ends.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    wait_exponential,
    wait_random,
)

from nlpbatch.alerts.alert import Alert
from nlpbatch.alerts.hook import Hook, HookFailed

ATTEMPTS: Final = 3
ATTEMPT_S: Final = 10.0
"""Seconds that an attempt may take."""
PATIENCE_S: Final = 30.0
"""Seconds that all attempts of all hooks may take; the process waits for no longer."""
_LEAST_S: Final = 0.1
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Alerts:
    """Who is told of what.

    Args:
        hooks: Who.
        states: Of what, of `alert.STATES`.
        page: Address of the page of `nlpbatch runs`, for links; None for none.
        page_of: Directory that the page shows.

    """

    hooks: Sequence[Hook] = ()
    states: frozenset[str] = field(default_factory=frozenset)
    page: str | None = None
    page_of: str | None = None

    def deliver(
        self,
        alert: Alert,
        say: Callable[[str], None],
        *,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Send an alert to all hooks, if they are for what it is of; return when that is done, or time is up.

        Args:
            alert: What to send.
            say: Gets a line for each hook.
            patience_s: Seconds that it may take.
            sleep: Waits between attempts.

        """
        if not self.states & alert.states:
            return
        deliveries = [_Delivery(hook, alert, time.monotonic() + patience_s, sleep) for hook in self.hooks]
        for one in deliveries:
            one.thread.start()
        for one in deliveries:
            one.thread.join(max(0.0, one.ends_s - time.monotonic()))
        for one in deliveries:
            say(f"alert, {one.hook.place}: {one.said or f'not sent: it takes more than {patience_s:g} s'}")


class _Delivery:
    """One alert on its way to one hook; `said` is how that went, once it is over.

    Args:
        hook: Who is told.
        alert: Of what.
        ends_s: When time is up, by the monotonic clock.
        sleep: Waits between attempts.

    """

    def __init__(self, hook: Hook, alert: Alert, ends_s: float, sleep: Callable[[float], None]) -> None:
        self.hook = hook
        self.ends_s = ends_s
        self.said = ""
        self.thread = threading.Thread(target=self._deliver, daemon=True)
        self._alert = alert
        self._sleep = sleep
        self._attempts = 0

    def _deliver(self) -> None:
        try:
            Retrying(
                retry=retry_if_exception(_is_worth_it),
                stop=self._is_over,
                wait=wait_exponential(_FIRST_WAIT_S, _LONGEST_WAIT_S) + wait_random(0, _FIRST_WAIT_S),
                sleep=self._sleep,
                reraise=True,
            )(self._attempt)
        except HookFailed as error:
            self.said = f"not sent: {error.message}" + (f", {self._attempts} times" if self._attempts > 1 else "")
        except Exception as error:  # noqa: BLE001  (whatever a hook does, the run has ended as it has)
            self.said = f"not sent: {type(error).__name__}"
        else:
            self.said = "sent"

    def _attempt(self) -> None:
        self._attempts += 1
        self.hook.send(self._alert, max(_LEAST_S, min(ATTEMPT_S, self.ends_s - time.monotonic())))

    def _is_over(self, state: RetryCallState) -> bool:
        return state.attempt_number >= ATTEMPTS or time.monotonic() + state.upcoming_sleep >= self.ends_s


def _is_worth_it(error: BaseException) -> bool:
    return isinstance(error, HookFailed) and error.retryable
