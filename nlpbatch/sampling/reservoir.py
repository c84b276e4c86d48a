"""Chooses rows at random of any number of rows, all with the same chance, and keeps only the chosen ones."""

import heapq
import random
import sys
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Reservoir(Generic[T]):
    """Keeps the items with the highest random numbers.

    Args:
        wanted: Number of items to keep.
        chance: Random source.

    """

    def __init__(self, wanted: int, chance: random.Random) -> None:
        self.offered = 0
        self._wanted = wanted
        self._chance = chance
        self._kept: list[tuple[float, int, T]] = []

    def offer(self, item: T) -> None:
        """Offer an item, which is kept or not."""
        entry: tuple[float, int, Any] = (self._chance.random(), self.offered, item)
        self.offered += 1
        if self._wanted == sys.maxsize:
            self._kept.append(entry)
        elif len(self._kept) < self._wanted:
            heapq.heappush(self._kept, entry)
        elif entry > self._kept[0]:
            heapq.heapreplace(self._kept, entry)

    def items(self) -> list[T]:
        """Return the items kept, in the order in which they came."""
        return [item for _, _, item in sorted(self._kept, key=lambda entry: entry[1])]
