"""HTTP requests and answers as the client and its transports exchange them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nlpbatch.wire import media


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One logical request as every attempt sends it; `target` is its path and query."""

    service: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def request_id(self) -> str:
        """Return the id that all attempts have in common."""
        return self.headers[media.REQUEST_ID]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer; `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def attempt_headers(request: HttpRequest, timeout_s: float) -> Mapping[str, str]:
    """Return the headers of one attempt, which say how long an answer is waited for."""
    return {**request.headers, media.PREFER: f"wait={math.ceil(timeout_s)}"}
