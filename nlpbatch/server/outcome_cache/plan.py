"""Which documents of a request are analysed, and where in the rows each finds its outcome. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Place = TypeVar("Place")


@dataclass(slots=True)
class CachePlan(Generic[Place]):
    """The way from documents to rows: first those that are kept, then those of the documents asked.

    Args:
        found: The places of those that are kept, each once.
        asked: Positions of the documents to analyse; of equal ones, null included, that of the first.
        order: For each document its row.

    """

    found: list[Place]
    asked: list[int]
    order: list[int]

    def ask_again(self, failed: Sequence[int]) -> list[int]:
        """Return the positions of copies of documents that failed, and give each a row of its own after all others.

        Args:
            failed: Indices into `asked` of those with an error.

        """
        firsts = {self.asked[index] for index in failed}
        rows = {len(self.found) + index for index in failed}
        again = [at for at, row in enumerate(self.order) if row in rows and at not in firsts]
        for row, position in enumerate(again, len(self.found) + len(self.asked)):
            self.order[position] = row
        return again


def plan(
    texts: Sequence[bytes | None], find: Callable[[Sequence[bytes | None]], Mapping[int, Place]]
) -> CachePlan[Place]:
    """Return the plan for documents.

    Args:
        texts: Their bytes.
        find: Returns the places of those that are kept among different texts, in order, by position.

    """
    distinct = list(dict.fromkeys(texts))
    found = find(distinct)
    if len(distinct) == len(texts) and not found:
        return CachePlan([], list(range(len(texts))), list(range(len(texts))))
    kept, new = 0, len(found)
    row_of: dict[bytes | None, int] = {}
    for position, text in enumerate(distinct):
        if position in found:
            row_of[text] = kept
            kept += 1
        else:
            row_of[text] = new
            new += 1
    order = list(map(row_of.__getitem__, texts))
    return CachePlan(list(found.values()), _firsts(order, len(found)), order)


def _firsts(order: Sequence[int], least: int) -> list[int]:
    """Return where each row from `least` on comes first; new rows come in their order."""
    asked: list[int] = []
    for position, row in enumerate(order):
        if row == least + len(asked):
            asked.append(position)
    return asked
