"""A webhook: the alert as JSON in a POST. Its address may be a secret, so that only the host is ever named."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as NoAnswer

from nlpbatch.alerts.alert import VERSION, Alert
from nlpbatch.alerts.hook import HookFailed, HookRefused

_SUCCESS: Final = range(200, 300)
_PASSING: Final = (408, 425, 429)
"""Answers below 500 after which the same may be taken a moment later."""
_SERVER_FAULT: Final = 500


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts alerts to an address.

    Args:
        address: http or https.
        key: Sent as a bearer key; None for none.

    """

    address: str = field(repr=False)
    key: str | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Return what logs name it."""
        parts = urlsplit(self.address)
        return f"webhook at {parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def send(self, alert: Alert, timeout_s: float) -> None:
        """Post it; redirects are not followed, because they would take the alert and the key somewhere else.

        Raises:
            HookFailed: The host is away, or has no time; HookRefused: it doesn't take it.

        """
        headers = {"Content-Type": "application/json", "User-Agent": "nlpbatch", "Nlpbatch-Alert": str(VERSION)}
        headers |= {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            with PoolManager(timeout=Timeout(total=timeout_s), retries=False) as pool:
                body = alert.to_json().encode()
                answer = pool.request("POST", self.address, body=body, headers=headers, redirect=False)
        except SSLError as error:
            raise HookRefused("its certificate isn't trusted: add its authority to $SSL_CERT_FILE") from error
        except NoAnswer as error:
            # A connection that can't be made is one of these, too, and it is not about time.
            away = isinstance(error, NewConnectionError)
            raise HookFailed("can't be reached" if away else f"no answer within {timeout_s:.0f} s") from error
        except (HTTPError, OSError) as error:  # their messages have the whole address
            raise HookFailed(f"can't be reached ({type(error).__name__})") from error
        if answer.status in _SUCCESS:
            return
        failed = HookFailed if answer.status in _PASSING or answer.status >= _SERVER_FAULT else HookRefused
        raise failed(f"it answered HTTP {answer.status}")
