"""The proxy's counts of one job's requests, which callers can reconcile with their own counts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Usage:
    """One proxy process's count of one job.

    Args:
        instance: Id of the process that counted; each process counts by itself.
        started_at: When it began to count, ISO 8601, UTC.
        job: The job.
        analysed: Requests that a backend answered, whether or not the caller was still there.
        analysed_bytes: Their bodies.
        replayed: Requests answered by the analysis of another request: kept, or under way at the time.
        replayed_bytes: Their bodies.
        refused: Requests refused because of quotas, queues or capacity (429 and 503).
        failed: Requests that ended in another error.
        abandoned: Requests whose caller went away before there was an answer; if a backend had begun with it and
            answered after all, that is counted as analysed, too.

    """

    instance: str
    started_at: str
    job: str
    analysed: int = 0
    analysed_bytes: int = 0
    replayed: int = 0
    replayed_bytes: int = 0
    refused: int = 0
    failed: int = 0
    abandoned: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the members of the answer."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the values in an answer; members that only a newer proxy has are ignored."""
        return cls(**{name: members[name] for name in cls.__slots__})
