"""A webhook: the alert as JSON in a POST. Its address may be a secret, so that only the host is ever named."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from urllib3 import PoolManager, ProxyManager, Timeout, make_headers
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError, SSLError
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
        proxy: Address of the proxy through which it is reached, as `web_proxy` returns it; None for none.

    """

    address: str = field(repr=False)
    key: str | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)

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
            with self._pool(timeout_s) as pool:
                body = alert.to_json().encode()
                answer = pool.request(
                    "POST", self.address, body=body, headers=headers, redirect=False, preload_content=False
                )
                answer.close()  # nobody reads it, and it may be without end
        except ProxyError as error:
            raise HookFailed(
                f"its proxy can't be reached, or refuses ({type(error.original_error).__name__})"
            ) from error
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

    def _pool(self, timeout_s: float) -> PoolManager:
        timeout = Timeout(total=timeout_s)
        if self.proxy is None:
            return PoolManager(timeout=timeout, retries=False)
        parts = urlsplit(self.proxy)
        user, _, host = parts.netloc.rpartition("@")
        headers = make_headers(proxy_basic_auth=unquote(user)) if user else None
        return ProxyManager(f"{parts.scheme}://{host}", proxy_headers=headers, timeout=timeout, retries=False)
