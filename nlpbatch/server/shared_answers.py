"""Batch requests with the same Idempotency-Key and content share one analysis, which survives the proxy that sent it.

When a proxy dies, its callers send their requests again through another one. The analyses that the dead proxy had under
way go on here, and its last answers are kept for a while, so that nothing is analysed again.

    arrived ──kept──────> the kept answer
      ├──under way──────> wait for it; if it fails, start again
      └──new──> analyse, in a task of its own ──> kept

Answers are bounded in bytes and time; the least recently used go first.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from nlpbatch.server.config import KeptAnswerSettings

_OVERHEAD_BYTES: Final = 2048
"""What Python adds to an answer, so that tiny ones can't outgrow the bound."""


@dataclass(frozen=True, slots=True)
class EncodedAnswer:
    """An answer that may be sent several times."""

    body: bytes
    content_type: str
    headers: Mapping[str, str]

    def to_response(self) -> web.Response:
        """Return it for the server to send."""
        return web.Response(body=self.body, content_type=self.content_type, headers=self.headers)


@dataclass(frozen=True, slots=True)
class Shared:
    """What a request gets.

    Args:
        answer: The answer.
        joined: Whether another request began the analysis.
        given_before: Whether another caller has got it already: then this analysis is counted elsewhere.

    """

    answer: EncodedAnswer
    joined: bool
    given_before: bool


@dataclass(eq=False, slots=True)
class _Analysis:
    task: asyncio.Task[EncodedAnswer]
    given: bool = False


@dataclass(slots=True)
class _Kept:
    answer: EncodedAnswer
    until_s: float
    analysis: _Analysis


Analyse = Callable[[], Awaitable[EncodedAnswer]]


class SharedAnswers:
    """Analyses under way, and kept answers, by what identifies a request.

    Args:
        settings: How much is kept and for how long.

    """

    def __init__(self, settings: KeptAnswerSettings) -> None:
        self._settings = settings
        self._under_way: dict[bytes, _Analysis] = {}
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self.size_bytes = 0

    async def share(self, identity: bytes, analyse: Analyse) -> Shared:
        """Return the answer, which goes on being made if the caller leaves.

        Args:
            identity: Identifies key and content of the request.
            analyse: Makes an answer; called if there is none.

        Raises:
            NlpbatchError: What `analyse` raised.

        """
        while True:
            kept = self._find(identity, time.monotonic())
            if kept is not None:
                return _give(kept.analysis, kept.answer, joined=True)
            analysis = self._under_way.get(identity)
            if analysis is None:
                analysis = self._begin(identity, analyse)
                return _give(analysis, await asyncio.shield(analysis.task), joined=False)
            try:
                return _give(analysis, await asyncio.shield(analysis.task), joined=True)
            except Exception:  # noqa: BLE001, S112  (the other request's failure: this one starts again)
                continue

    def _begin(self, identity: bytes, analyse: Analyse) -> _Analysis:
        task = asyncio.create_task(self._run(identity, analyse))
        analysis = self._under_way[identity] = _Analysis(task)
        task.add_done_callback(lambda done: self._end(identity, done))
        return analysis

    async def _run(self, identity: bytes, analyse: Analyse) -> EncodedAnswer:
        answer = await analyse()
        self._keep(identity, answer, time.monotonic())
        return answer

    def _end(self, identity: bytes, task: asyncio.Task[EncodedAnswer]) -> None:
        del self._under_way[identity]
        if not task.cancelled():
            task.exception()  # mark as seen: there may be no caller left to raise it to

    def _find(self, identity: bytes, now_s: float) -> _Kept | None:
        kept = self._kept.get(identity)
        if kept is None:
            return None
        if kept.until_s <= now_s:
            self._drop(identity)
            return None
        self._kept.move_to_end(identity)
        return kept

    def _keep(self, identity: bytes, answer: EncodedAnswer, now_s: float) -> None:
        settings = self._settings
        if len(answer.body) > settings.answer_bytes or "no-store" in answer.headers.get("Cache-Control", ""):
            return
        self._kept[identity] = _Kept(answer, now_s + settings.ttl_s, self._under_way[identity])
        self.size_bytes += len(answer.body) + _OVERHEAD_BYTES
        while self._kept and (self.size_bytes > settings.size_bytes or self._first_is_over(now_s)):
            self._drop(next(iter(self._kept)))

    def _first_is_over(self, now_s: float) -> bool:
        return next(iter(self._kept.values())).until_s <= now_s

    def _drop(self, identity: bytes) -> None:
        kept = self._kept.pop(identity)
        self.size_bytes -= len(kept.answer.body) + _OVERHEAD_BYTES


def _give(analysis: _Analysis, answer: EncodedAnswer, *, joined: bool) -> Shared:
    given_before, analysis.given = analysis.given, True
    return Shared(answer, joined, given_before)
