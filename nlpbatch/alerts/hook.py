"""What every hook has, and how it says that an alert wasn't taken."""

from typing import Protocol

from nlpbatch.alerts.alert import Alert
from nlpbatch.errors import NlpbatchError


class HookFailed(NlpbatchError):
    """An alert wasn't taken, and may be another time."""

    code = "alert_failed"
    retryable = True


class HookRefused(HookFailed):
    """An alert wasn't taken, and won't be."""

    code = "alert_refused"
    retryable = False


class Hook(Protocol):
    """Somebody who is told."""

    @property
    def place(self) -> str:
        """Return what logs name it, without anything that is secret."""
        ...

    def send(self, alert: Alert, timeout_s: float) -> None:
        """Try once to send it.

        Args:
            alert: What to send.
            timeout_s: Seconds that the attempt may take.

        Raises:
            HookFailed: It wasn't taken; `retryable` says whether to try again. The message has nothing secret.

        """
        ...
