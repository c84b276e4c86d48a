"""What is counted, and how one count is written as a line of a journal. Pure.

A line is `CRC DAY TENANT KEY INDEX=ADDED,… JOB`: the checksum of the rest, then what was added to which counters. A
process that is killed while it writes leaves at most one line that doesn't match its checksum.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

COUNTERS: Final = (
    "attempts",
    "analysed",
    "analysed_bytes",
    "documents",
    "answered",
    "answered_bytes",
    "replayed",
    "replayed_bytes",
    "refused",
    "refused_bytes",
    "failed",
    "failed_bytes",
    "abandoned",
    "abandoned_bytes",
)
"""In the order of every row, stored or sent; new ones go to the end. `nlpbatch.wire.usage` tells what each means."""
(
    ATTEMPTS,
    ANALYSED,
    ANALYSED_BYTES,
    DOCUMENTS,
    ANSWERED,
    ANSWERED_BYTES,
    REPLAYED,
    REPLAYED_BYTES,
    REFUSED,
    REFUSED_BYTES,
    FAILED,
    FAILED_BYTES,
    ABANDONED,
    ABANDONED_BYTES,
) = range(len(COUNTERS))
MAX_JOBS: Final = 4_096
"""Jobs that are named, of a day, tenant and key: callers invent names. What others do is counted as `OTHER`."""
OTHER: Final = "(other)"

Row = tuple[str, str, str, str]
"""Day (ISO 8601), tenant, id of the key, job ('' without one)."""
Added = Iterable[tuple[int, int]]
"""Counters by their index, and what is added to each."""


class Rows:
    """Counts by row, with a bound on the jobs' names.

    Args:
        counts: Rows to begin with.

    """

    def __init__(self, counts: Mapping[Row, Sequence[int]] | None = None) -> None:
        self.counts: dict[Row, list[int]] = {}
        self._jobs: dict[tuple[str, str, str], int] = {}
        for row, numbers in (counts or {}).items():
            self.add(row, enumerate(numbers))

    def add(self, row: Row, added: Added) -> None:
        """Add to a row's counters, or to those of `OTHER` where too many jobs have a row already."""
        counts = self.counts.get(row) or self._new(row)
        for index, number in added:
            counts[index] += number

    def bytes_of(self, tenant: str) -> int:
        """Return a tenant's analysed bytes."""
        return sum(counts[ANALYSED_BYTES] for row, counts in self.counts.items() if row[1] == tenant)

    def lines(self) -> bytes:
        """Return the lines that stand for all rows."""
        written = ((row, [pair for pair in enumerate(counts) if pair[1]]) for row, counts in self.counts.items())
        return b"".join(encode(row, added) for row, added in written)

    def without_jobs(self, day: str) -> "Rows":
        """Return the same sums, with all jobs up to a day counted as `OTHER`."""
        found = Rows()
        for (row_day, tenant, key_id, job), counts in self.counts.items():
            found.add((row_day, tenant, key_id, OTHER if row_day <= day else job), enumerate(counts))
        return found

    def _new(self, row: Row) -> list[int]:
        day, tenant, key_id, _ = row
        whose = (day, tenant, key_id)
        jobs = self._jobs.get(whose, 0)
        if jobs >= MAX_JOBS:
            return self.counts.setdefault((day, tenant, key_id, OTHER), [0] * len(COUNTERS))
        self._jobs[whose] = jobs + 1
        counts = self.counts[row] = [0] * len(COUNTERS)
        return counts


def encode(row: Row, added: Added) -> bytes:
    """Return the line that stands for one count."""
    day, tenant, key_id, job = row
    numbers = ",".join([f"{index}={number}" for index, number in added])
    text = f"{day} {tenant} {key_id} {numbers} {job}".encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> tuple[Row, list[tuple[int, int]]] | None:
    """Return what a line without its end stands for; None if it is damaged or half written."""
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        day, tenant, key_id, numbers, job = text.decode().split(" ", 4)
        pairs = [pair.partition("=") for pair in numbers.split(",") if pair]
        added = [(int(index), int(number)) for index, _, number in pairs]
    except ValueError:
        return None
    if not all(0 <= index < len(COUNTERS) for index, _ in added):
        return None
    return (day, tenant, key_id, job), added


def read_lines(content: bytes) -> tuple[Rows, int]:
    """Return what all lines add up to, and how many are damaged or half written."""
    rows, damaged = Rows(), 0
    for line in content.split(b"\n"):
        found = decode(line) if line else None
        if found is not None:
            rows.add(*found)
        elif line:
            damaged += 1
    return rows, damaged
