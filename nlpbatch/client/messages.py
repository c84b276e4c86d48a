"""HTTP requests and answers as the client and its transports exchange them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nlpbatch.client.address import ServiceAddress
from nlpbatch.wire import media


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One logical request as every attempt sends it, to whichever address.

    Args:
        method: GET or POST.
        target: Path and query, below the path that an address may have.
        headers: Those of every attempt.
        body: None for GET.

    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def request_id(self) -> str:
        """Return the id that all attempts have in common."""
        return self.headers[media.REQUEST_ID]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a request.

    Args:
        request: What is sent.
        address: Where.
        timeout_s: How long an answer is waited for.

    """

    request: HttpRequest
    address: ServiceAddress
    timeout_s: float

    @property
    def service(self) -> str:
        """Return the address as messages name it."""
        return self.address.url

    @property
    def target(self) -> str:
        """Return the whole path and query."""
        return self.address.base_path + self.request.target

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the request's headers, and how long an answer is waited for."""
        return {**self.request.headers, media.PREFER: f"wait={math.ceil(self.timeout_s)}"}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer; `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes
