"""Questions that cost workers again and again, whatever the document: they are refused for a while. Pure.

A question is an operation with its options. Its deaths count in a row: an answer in between clears it. A question
without options for the engine never counts, because every version of an analyzer has answered it before it was let in;
there the documents are to blame.
"""

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from nlpbatch.errors import InvalidOption
from nlpbatch.wire.options import Options

DEATHS: Final = 3
"""The same number as for a chunk."""
_MOST: Final = 1000
_FOR_S: Final = 3600.0


@dataclass(slots=True)
class _Suspect:
    options: Options
    deaths: int
    until_s: float


class PoisonedQuestions:
    """The questions of one pool that workers died of."""

    def __init__(self) -> None:
        self._suspects: OrderedDict[str, _Suspect] = OrderedDict()

    def died(self, options: Options, now_s: float) -> None:
        """Count a worker that died of a question."""
        if not options.kiwi:
            return
        key = _key(options)
        suspect = self._suspects.pop(key, None) or _Suspect(options, 0, 0.0)
        suspect.deaths += 1
        suspect.until_s = now_s + _FOR_S
        self._suspects[key] = suspect
        self._forget(now_s)

    def answered(self, options: Options) -> None:
        """Clear a question that has been answered, unless it is refused already."""
        if self._suspects and self._deaths(options) < DEATHS:
            self._suspects.pop(_key(options), None)

    def refusal(self, options: Options, now_s: float) -> InvalidOption | None:
        """Return what a question is refused with, None if it may be asked."""
        self._forget(now_s)
        if not self._suspects or self._deaths(options) < DEATHS:
            return None
        named = ", ".join(options.kiwi)
        return InvalidOption(
            f"{options.operation} with these options ({named}) has cost {DEATHS} workers in a row and is refused for "
            f"{_FOR_S / 60:.0f} minutes: change or omit them, or report it to the operator of the service"
        )

    def clear(self) -> None:
        """Give all of them another chance."""
        self._suspects.clear()

    def to_json(self, now_s: float) -> list[dict[str, Any]]:
        """Return those that are refused, the latest first."""
        self._forget(now_s)
        return [
            {
                "operation": suspect.options.operation,
                "options": suspect.options.to_members(),
                "deaths": suspect.deaths,
                "refused_for_s": round(suspect.until_s - now_s, 1),
            }
            for suspect in reversed(self._suspects.values())
            if suspect.deaths >= DEATHS
        ]

    def _deaths(self, options: Options) -> int:
        suspect = self._suspects.get(_key(options))
        return 0 if suspect is None else suspect.deaths

    def _forget(self, now_s: float) -> None:
        while self._suspects:
            key, oldest = next(iter(self._suspects.items()))
            if oldest.until_s > now_s and len(self._suspects) <= _MOST:
                return
            del self._suspects[key]


def _key(options: Options) -> str:
    return json.dumps([options.operation, options.to_members()], sort_keys=True)
