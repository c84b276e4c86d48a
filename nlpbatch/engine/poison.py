"""Options that kill workers, whatever the document: they are refused for a while. Pure.

Deaths count per operation with its options, and only in a row: an answer in between clears them. An operation without
options for the engine never counts, because every version of an analyzer answers it before it goes into service; there
the documents are to blame.
"""

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from nlpbatch.errors import InvalidOption
from nlpbatch.wire.options import Options

DEATHS: Final = 3
"""The same number as for a chunk."""
_MAX_ENTRIES: Final = 1000
_FOR_S: Final = 3600.0


@dataclass(slots=True)
class _PoisonedEntry:
    options: Options
    deaths: int
    until_s: float


class PoisonedOptions:
    """The operations with options that workers of one pool died of."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _PoisonedEntry] = OrderedDict()

    def died(self, options: Options, now_s: float) -> None:
        """Count a worker that died of an operation with these options."""
        if not options.kiwi:
            return
        key = _key(options)
        entry = self._entries.pop(key, None) or _PoisonedEntry(options, 0, 0.0)
        entry.deaths += 1
        entry.until_s = now_s + _FOR_S
        self._entries[key] = entry
        self._forget(now_s)

    def answered(self, options: Options) -> None:
        """Clear options that have been answered, unless they are refused already."""
        if self._entries and self._deaths(options) < DEATHS:
            self._entries.pop(_key(options), None)

    def refusal(self, options: Options, now_s: float) -> InvalidOption | None:
        """Return the error with which these options are refused, None if they aren't."""
        self._forget(now_s)
        if not self._entries or self._deaths(options) < DEATHS:
            return None
        named = ", ".join(options.kiwi)
        return InvalidOption(
            f"{options.operation} with these options ({named}) has cost {DEATHS} workers in a row and is refused for "
            f"{_FOR_S / 60:.0f} minutes: change or omit them, or report it to the operator of the service"
        )

    def clear(self) -> None:
        """Give all of them another chance."""
        self._entries.clear()

    def to_json(self, now_s: float) -> list[dict[str, Any]]:
        """Return those that are refused, the latest first."""
        self._forget(now_s)
        return [
            {
                "operation": entry.options.operation,
                "options": entry.options.to_members(),
                "deaths": entry.deaths,
                "refused_for_s": round(entry.until_s - now_s, 1),
            }
            for entry in reversed(self._entries.values())
            if entry.deaths >= DEATHS
        ]

    def _deaths(self, options: Options) -> int:
        entry = self._entries.get(_key(options))
        return 0 if entry is None else entry.deaths

    def _forget(self, now_s: float) -> None:
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            if oldest.until_s > now_s and len(self._entries) <= _MAX_ENTRIES:
                return
            del self._entries[key]


def _key(options: Options) -> str:
    return json.dumps([options.operation, options.to_members()], sort_keys=True)
