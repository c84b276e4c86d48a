"""What tasks did, as numbers that add up; pure Python, because it travels between executors and driver."""

from dataclasses import dataclass, fields, replace

from nlpbatch.client.stats import ClientStats
from nlpbatch.older_python import Self


@dataclass(frozen=True, slots=True)
class TaskStats(ClientStats):
    """What one task did, or several together.

    Args:
        answered: Requests whose answers were used.
        answered_bytes: Their bodies' bytes, each counted once.
        replayed: Those of them that the proxy answered from what it had kept.
        documents: Rows with a text.
        failed: Those of them that got an error.
        split: Requests that were refused or failed as a whole and were cut further.

    """

    answered: int = 0
    answered_bytes: int = 0
    replayed: int = 0
    documents: int = 0
    failed: int = 0
    split: int = 0

    def __add__(self, other: "TaskStats") -> Self:
        """Return the sums, field by field."""
        return replace(
            self, **{item.name: getattr(self, item.name) + getattr(other, item.name) for item in fields(self)}
        )

    def __sub__(self, other: "TaskStats") -> Self:
        """Return the differences, field by field."""
        return replace(
            self, **{item.name: getattr(self, item.name) - getattr(other, item.name) for item in fields(self)}
        )

    @classmethod
    def of_client(cls, stats: ClientStats) -> Self:
        """Return what a client did, as part of a task."""
        return cls(**{item.name: getattr(stats, item.name) for item in fields(ClientStats)})
