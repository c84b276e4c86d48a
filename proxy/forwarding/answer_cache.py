"""Answers kept for requests that come again with the same Idempotency-Key.

The least recently used one of all tenants goes first. Each counts with an allowance for what Python adds, so that
millions of tiny answers can't outgrow the bound.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from proxy.config import ReplaySettings
from proxy.upstream.client import UpstreamResponse

_OVERHEAD_BYTES: Final = 2048
_FINAL: Final = frozenset({400, 404, 405, 406, 413, 415, 422})
"""Refusals that depend on nothing but the request; others may be gone the next time."""

Name = tuple[str, str]
"""Tenant and Idempotency-Key: tenants never share."""


@dataclass(frozen=True, slots=True)
class _Kept:
    digest: bytes
    answer: UpstreamResponse
    size_bytes: int
    until_s: float


class AnswerCache:
    """The kept answers.

    Args:
        settings: How much is kept and for how long; may be replaced.

    """

    def __init__(self, settings: ReplaySettings) -> None:
        self.settings = settings
        self.size_bytes = 0
        self._kept: OrderedDict[Name, _Kept] = OrderedDict()

    def find(self, name: Name, now_s: float) -> tuple[bytes, UpstreamResponse] | None:
        """Return the digest of the request and its answer; None if none is cached."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        if kept.until_s <= now_s:
            self._drop(name)
            return None
        self._kept.move_to_end(name)
        return kept.digest, kept.answer

    def keep(self, name: Name, digest: bytes, answer: UpstreamResponse, now_s: float) -> bool:
        """Cache an answer if it is final and not too large, and return whether; the least recently used make room."""
        size_bytes = len(answer.body) + _OVERHEAD_BYTES
        again = "no-store" in answer.headers.get("Cache-Control", "")
        settings = self.settings
        if again or not _is_final(answer.status) or len(answer.body) > settings.answer_bytes:
            return False
        self._drop(name)
        self._kept[name] = _Kept(digest, answer, size_bytes, now_s + settings.ttl_s)
        self.size_bytes += size_bytes
        while self._kept and (self.size_bytes > settings.size_bytes or self._first_is_over(now_s)):
            self._drop(next(iter(self._kept)))
        return name in self._kept

    def _first_is_over(self, now_s: float) -> bool:
        return next(iter(self._kept.values())).until_s <= now_s

    def _drop(self, name: Name) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            self.size_bytes -= kept.size_bytes


def _is_final(status: int) -> bool:
    return 200 <= status < 300 or status in _FINAL  # noqa: PLR2004
