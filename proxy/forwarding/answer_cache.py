"""Cached answers for requests that come again with the same Idempotency-Key. Pure.

The least recently used answer of all tenants goes first. Each counts with an allowance for what Python adds, so that
millions of tiny answers can't outgrow the bound.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.media import IDEMPOTENCY_KEY
from proxy.config import ReplaySettings
from proxy.upstream.messages import UpstreamResponse

_OVERHEAD_BYTES: Final = 2048
_FINAL: Final = frozenset({400, 404, 405, 406, 413, 415, 422})
"""Refusals that depend on nothing but the request; others may be gone the next time."""
_NAME = re.compile(r'"([\x21\x23-\x7e]{1,128})"|([\x21\x23-\x7e]{1,128})')

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
        settings: Returns how much is kept and for how long at present.

    """

    def __init__(self, settings: Callable[[], ReplaySettings]) -> None:
        self._settings = settings
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

    def keep(self, name: Name, digest: bytes, answer: UpstreamResponse, now_s: float) -> None:
        """Cache an answer if it is final and not too large; the least recently used make room."""
        size_bytes = len(answer.body) + _OVERHEAD_BYTES
        again = "no-store" in answer.headers.get("Cache-Control", "")
        settings = self._settings()
        if again or not _is_final(answer.status) or len(answer.body) > settings.answer_bytes:
            return
        self._drop(name)
        self._kept[name] = _Kept(digest, answer, size_bytes, now_s + settings.ttl_s)
        self.size_bytes += size_bytes
        while self._kept and (self.size_bytes > settings.size_bytes or self._first_is_over(now_s)):
            self._drop(next(iter(self._kept)))

    def _first_is_over(self, now_s: float) -> bool:
        return next(iter(self._kept.values())).until_s <= now_s

    def _drop(self, name: Name) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            self.size_bytes -= kept.size_bytes


def idempotency_key(values: Sequence[str]) -> str | None:
    """Return the key in the `Idempotency-Key` headers of a request, None if it has none.

    Raises:
        InvalidRequest: It has several, or one that is not 1 to 128 visible ASCII characters, quoted or not.

    """
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequest(f"{len(values)} headers {IDEMPOTENCY_KEY}: send one", path=IDEMPOTENCY_KEY)
    found = _NAME.fullmatch(values[0].strip())
    if found is None:
        raise InvalidRequest(
            f"{IDEMPOTENCY_KEY} is not 1 to 128 visible ASCII characters, quoted or not: send such a one",
            path=IDEMPOTENCY_KEY,
        )
    return found[1] or found[2]


def _is_final(status: int) -> bool:
    return 200 <= status < 300 or status in _FINAL  # noqa: PLR2004
