"""Runs something, and sends an alert of how that ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from nlpbatch.alerts.alert import Alert, State
from nlpbatch.alerts.delivery import Alerts
from nlpbatch.errors import InternalError, NlpbatchError
from nlpbatch.program import LOOK, exit_code, interrupt_in


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Args:
        exit_code: Of its process.
        error: What stopped it; None if nothing did.
        started_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC.
        seconds: Wall time.

    """

    exit_code: int
    error: NlpbatchError | None
    started_at: str
    ended_at: str
    seconds: float

    @property
    def state(self) -> State:
        """Return it as alerts have it."""
        if self.error is not None or self.exit_code not in {0, LOOK}:
            return "failed"
        return "look" if self.exit_code == LOOK else "done"

    @property
    def error_members(self) -> dict[str, str] | None:
        """Return the error as alerts have it."""
        return None if self.error is None else {"code": self.error.code, "message": self.error.message}


def with_alert(
    work: Callable[[], int], alerts: Alerts, describe: Callable[[Ending], Alert | None], say: Callable[[str], None]
) -> int:
    """Return the exit code of some work, or raise what it raises, after an alert of how it ended.

    Args:
        work: Returns an exit code.
        alerts: Who is told.
        describe: Makes the alert; None for no alert.
        say: Gets a line for each hook.

    Whoever presses Ctrl-C knows that the run has ended: there is no alert of it.
    """
    started_at, began_s = _now(), time.monotonic()

    def tell(code: int, error: NlpbatchError | None) -> None:
        ending = Ending(code, error, started_at, _now(), round(time.monotonic() - began_s, 3))
        try:
            alert = describe(ending)
            if alert is not None:
                alerts.deliver(alert, say)
        except Exception as wrong:  # noqa: BLE001  (an alert never decides how a run ends)
            say(f"alert: not sent: {type(wrong).__name__}")
        except KeyboardInterrupt:
            say("alert: interrupted while it was being sent")

    try:
        code = work()
    except Exception as error:
        if interrupt_in(error) is None:
            known = error if isinstance(error, NlpbatchError) else InternalError(type(error).__name__)
            tell(exit_code(known), known)
        raise
    tell(code, None)
    return code


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017  (of Python 3.10)
