"""Rows chosen at random of as many as come, each as likely as any other, while only the chosen ones are kept."""

import heapq
import random
import sys
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Reservoir(Generic[T]):
    """Keeps those to which chance gives the highest numbers.

    Args:
        wanted: How many are kept.
        chance: Of the choice.

    """

    def __init__(self, wanted: int, chance: random.Random) -> None:
        self.offered = 0
        self._wanted = wanted
        self._chance = chance
        self._kept: list[tuple[float, int, T]] = []

    def offer(self, item: T) -> None:
        """Keep an item, or don't."""
        entry: tuple[float, int, Any] = (self._chance.random(), self.offered, item)
        self.offered += 1
        if self._wanted == sys.maxsize:
            self._kept.append(entry)
        elif len(self._kept) < self._wanted:
            heapq.heappush(self._kept, entry)
        elif entry > self._kept[0]:
            heapq.heapreplace(self._kept, entry)

    def items(self) -> list[T]:
        """Return what was kept, in the order in which it came."""
        return [item for _, _, item in sorted(self._kept, key=lambda entry: entry[1])]
