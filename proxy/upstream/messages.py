"""The requests that backends get and the responses that callers get: only listed headers pass."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from nlpbatch.errors import InvalidRequest, NotFound
from nlpbatch.serving.problems import REQUEST_ID_KEY
from nlpbatch.wire import media

# What is not known here stops here. The key is for the proxy alone.
_REQUEST_HEADERS: Final = (
    "Content-Type",
    "Accept",
    "If-Match",
    media.IDEMPOTENCY_KEY,
    media.PRIORITY,
    media.TRACEPARENT,
    media.JOB,
)
_ANSWER_HEADERS: Final = (
    "Cache-Control",
    "Content-Type",
    "Content-Encoding",
    "ETag",
    "Retry-After",
    "Allow",
    media.SERVER_TIMING,
)
_CHOOSING_HEADERS: Final = ("Content-Type", "Accept", "If-Match")


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request as a backend gets it; `target` is its path and query as the caller wrote them."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes

    def digest(self) -> bytes:
        """Return a hash of all that decides about the answer: requests with the same digest get the same answer."""
        chosen = (value for name in _CHOOSING_HEADERS for value in (name, *self.headers.getall(name, ())))
        hashed = hashlib.sha256("\n".join((self.method, self.target, *chosen, "")).encode())
        hashed.update(self.body)
        return hashed.digest()


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """A whole response as the caller gets it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def to_response(self) -> web.Response:
        """Return it for the server to send."""
        return web.Response(status=self.status, headers=self.headers, body=self.body)


def check_target(request: web.Request) -> None:
    """Refuse targets that backends may read differently: paths out of /v1/, and bytes that URLs can't have.

    Raises:
        InvalidRequest: The path or query is not ASCII.
        NotFound: It has dot segments.

    """
    if not request.rel_url.raw_path_qs.isascii():
        raise InvalidRequest("the path or query has characters that are not ASCII: percent-encode them")
    if not {".", ".."}.isdisjoint(request.path.split("/")):
        raise NotFound("no such path: leave out the dot segments")


def headers_for_backend(request: web.Request) -> CIMultiDict[str]:
    """Return the headers that a backend gets.

    Raises:
        InvalidRequest: One has characters that are not ASCII.

    """
    headers = CIMultiDict(_known(request.headers, _REQUEST_HEADERS))
    for name, value in headers.items():
        if not value.isascii():
            raise InvalidRequest(f"the header {name} has characters that are not ASCII: leave them out", path=name)
    headers[media.REQUEST_ID] = request[REQUEST_ID_KEY]
    return headers


def headers_for_caller(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Return the headers that the caller gets; a value that is not ASCII couldn't be written."""
    return CIMultiDict(pair for pair in _known(headers, _ANSWER_HEADERS) if pair[1].isascii())


def _known(headers: CIMultiDictProxy[str], names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the headers of these names, as often as they come."""
    return ((name, value) for name in names if name in headers for value in headers.getall(name))
