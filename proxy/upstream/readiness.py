"""What a backend states of itself on `/readyz`: whether it gets requests, how many, and of which versions."""

import asyncio
import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from nlpbatch.wire.limits import KIB
from proxy.traffic.slots import Backend

_log = logging.getLogger("nlpbatch.proxy")
_MAX_BYTES: Final = 64 * KIB
"""No `/readyz` of ours has as much to say."""


class Asks(Protocol):
    """What asks backends."""

    async def get(self, backend: Backend, path: str, max_bytes: int) -> tuple[int, bytes]:
        """Return the status and body of a `GET`."""
        ...


@dataclass(frozen=True, slots=True)
class _Stated:
    """A backend's statement; before it is ready, it may not know everything."""

    ready: bool = False
    workers: int = 0
    fingerprints: frozenset[str] = frozenset()


async def ask_ready(upstream: Asks, backend: Backend, timeout_s: float) -> None:
    """Ask a backend, and note what it states; one that doesn't answer in time isn't ready."""
    stated, reason = _Stated(), ""
    try:
        async with asyncio.timeout(timeout_s):
            stated = _read(*await upstream.get(backend, "/readyz", _MAX_BYTES))
    except Exception as error:  # noqa: BLE001  (whatever it answers, it will be asked again)
        reason = type(error).__name__
    _note(backend, stated, reason)


async def try_backend(upstream: Asks, backend: Backend, timeout_s: float) -> str | None:
    """Return why nothing answers there as an API would; None if something does, ready or not."""
    try:
        async with asyncio.timeout(timeout_s):
            _read(*await upstream.get(backend, "/readyz", _MAX_BYTES))
    except (ValueError, AttributeError, TypeError):
        return "what answers is no API"
    except Exception as error:  # noqa: BLE001  (whatever is wrong with it, it is not used)
        return type(error).__name__
    return None


def set_unreachable(backend: Backend, reason: str) -> None:
    """Note that a backend can't be reached; its next health check may say otherwise."""
    _note(backend, _Stated(), reason)


def _read(status: int, body: bytes) -> _Stated:
    members = json.loads(body)
    fingerprints = frozenset(map(str, members.get("fingerprints", ())))
    return _Stated(status == HTTPStatus.OK, int(members.get("workers", 0)), fingerprints)


def _note(backend: Backend, stated: _Stated, reason: str) -> None:
    if stated.ready != backend.ready or not backend.asked:
        _log.log(
            logging.INFO if stated.ready else logging.WARNING,
            "backend",
            extra={"backend": backend.url, "ready": stated.ready, "reason": reason},
        )
    backend.asked, backend.ready, backend.workers = True, stated.ready, stated.workers or backend.workers
    if stated.ready or stated.fingerprints:
        backend.fingerprints = stated.fingerprints  # else what it had is what it is awaited with
    if stated.ready:
        backend.limit.stated(backend.workers)
