"""One request's way: authenticate, cost, admit or queue, read the body, send, record."""

import asyncio
import re
import time
from typing import Final

from aiohttp import HttpVersion11, web

from nlpbatch.errors import (
    BodyTimeout,
    InvalidRequest,
    LengthRequired,
    NlpbatchError,
    NotFound,
    RequestTooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from nlpbatch.serving.problems import LOG_KEY
from nlpbatch.wire.media import JOB
from nlpbatch.wire.problem import status_of
from proxy.config import LimitSettings
from proxy.gate import Gate, Lease
from proxy.keys import KeyRing
from proxy.metrics import UNKNOWN_TENANT, Metrics
from proxy.upstream import NotConnected, Upstream

_JOB = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_GET_COST_BYTES: Final = 1024
"""What a request without a body costs: little, but not nothing."""
_CONNECTION_ATTEMPTS: Final = 3
"""Backends that a request is offered to while there is no connection; nothing has been sent to any of them."""


class Gateway:
    """The handler of everything under `/v1/`."""

    def __init__(self, keys: KeyRing, gate: Gate, upstream: Upstream, limits: LimitSettings, metrics: Metrics) -> None:
        self._keys = keys
        self._gate = gate
        self._upstream = upstream
        self._limits = limits
        self._metrics = metrics

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the backend's answer, or raise why there is none."""
        tenant, status, size_bytes = UNKNOWN_TENANT, 500, 0
        try:
            tenant = self._authenticate(request)
            response = await self._pass(request, tenant)
            status, size_bytes = response.status, _size_bytes(response)
        except NlpbatchError as error:
            status = status_of(error)
            raise
        except (asyncio.CancelledError, ConnectionError):
            status = 499  # the caller hung up
            raise
        finally:
            self._metrics.answered(tenant, status, size_bytes)
        return response

    async def _pass(self, request: web.Request, tenant: str) -> web.StreamResponse:
        _check_target(request)
        job, cost_bytes = _job(request), self._cost_bytes(request)
        request[LOG_KEY] = {"tenant": tenant, "job": job, "bytes": cost_bytes}
        lease = await self._gate.enter(tenant, job, cost_bytes)
        self._metrics.passed(tenant, lease.waited_s, cost_bytes)
        try:
            return await self._send(request, await self._read(request), lease)
        finally:
            request[LOG_KEY] |= {"queue_s": round(lease.waited_s, 4), "backend": lease.backend.url}
            self._gate.leave(lease)

    def _authenticate(self, request: web.Request) -> str:
        tenant = self._keys.tenant(request.headers.get("Authorization"))
        if tenant is None:
            raise Unauthenticated(
                "no API key that this proxy knows: send Authorization: Bearer KEY, with a key from its operator"
            )
        return tenant

    def _cost_bytes(self, request: web.Request) -> int:
        """Return the body's declared bytes: known before it is read, and what will be read at most."""
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("the body is compressed: send it as it is, requests are admitted by their size")
        if request.content_length is None:
            if request.headers.get("Transfer-Encoding"):
                raise LengthRequired("the body has no Content-Length: send it, requests are admitted by their size")
            return _GET_COST_BYTES
        if request.content_length > self._limits.body_bytes:
            raise RequestTooLarge(
                f"the body has {request.content_length:,} bytes, the limit is {self._limits.body_bytes:,}: "
                "send fewer documents at a time",
                limit=self._limits.body_bytes,
            )
        return max(request.content_length, _GET_COST_BYTES)

    async def _read(self, request: web.Request) -> bytes:
        """Return the body, now that there is a place for it; a slow sender mustn't hold the place for long."""
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                await _ask_for_body(request)
                return await request.read()
        except TimeoutError:
            raise BodyTimeout(
                f"the body's {request.content_length:,} bytes did not arrive within {self._limits.body_timeout_s:g} s: "
                "send it faster, or fewer documents at a time"
            ) from None

    async def _send(self, request: web.Request, body: bytes, lease: Lease) -> web.StreamResponse:
        for _ in range(_CONNECTION_ATTEMPTS - 1):
            try:
                return await self._attempt(request, body, lease)
            except NotConnected:
                if not self._gate.move(lease):
                    raise
        return await self._attempt(request, body, lease)

    async def _attempt(self, request: web.Request, body: bytes, lease: Lease) -> web.StreamResponse:
        started_s = time.monotonic()
        try:
            return await self._upstream.forward(lease.backend, request, body)
        finally:
            self._metrics.upstream(lease.backend.url, time.monotonic() - started_s)


async def expect(_: web.Request) -> None:
    """Leave `Expect: 100-continue` unanswered: the body is asked for when the request has its place, see `_read`."""


async def _ask_for_body(request: web.Request) -> None:
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def _check_target(request: web.Request) -> None:
    """Refuse what backends may read differently: a way out of /v1/, and bytes that no URL has."""
    if not request.rel_url.raw_path_qs.isascii():
        raise InvalidRequest("the path or query has characters that are not ASCII: percent-encode them")
    if not {".", ".."}.isdisjoint(request.path.split("/")):
        raise NotFound("no such path: leave out the dot segments")


def _size_bytes(response: web.StreamResponse) -> int:
    # A streamed answer may not tell its length; then its bytes on the wire are near enough.
    return response.body_length if response.content_length is None else response.content_length


def _job(request: web.Request) -> str:
    job = request.headers.get(JOB, "")
    if job and not _JOB.fullmatch(job):
        raise InvalidRequest(f"{JOB} is not a name of 1 to 128 letters, digits and ._:-: rename the job", path=JOB)
    return job
