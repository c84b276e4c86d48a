"""The proxy's counts of requests, which callers can reconcile with their own counts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nlpbatch.older_python import Self


@dataclass(frozen=True, slots=True)
class Usage:
    """A ledger's count of one job, or of what else was asked for.

    Args:
        instance: Id of the ledger: of a fleet's, of a proxy's directory, or of a process that keeps it in memory.
            Counts of one ledger go on; those of several can be added.
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
        attempts: Requests that were sent to backends, whatever they answered.
        documents: Documents in what was analysed, where the backend says how many.
        answered: Callers' requests that got an answer, by an analysis or a replay.
        answered_bytes: Their bodies.
        refused_bytes: Bodies of those refused, as they were declared.
        failed_bytes: Bodies of those that failed, as they were declared.
        abandoned_bytes: Bodies of those abandoned, as they were declared.
        at: When it was read, ISO 8601, UTC, by the ledger's clock; '' from a proxy that keeps no ledger.
        complete_until: Everything that was answered before then is in it. Ask again until it reaches the `at` of the
            first answer.
        missing: Proxies that were killed and whose last counts nobody has brought to the ledger.

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
    attempts: int = 0
    documents: int = 0
    answered: int = 0
    answered_bytes: int = 0
    refused_bytes: int = 0
    failed_bytes: int = 0
    abandoned_bytes: int = 0
    at: str = ""
    complete_until: str = ""
    missing: int = 0

    @property
    def requests(self) -> int:
        """Return the callers' requests, however they ended."""
        return self.answered + self.refused + self.failed + self.abandoned

    def to_json(self) -> dict[str, Any]:
        """Return the members of the answer."""
        return asdict(self) | {"requests": self.requests}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the values in an answer; members that only a newer proxy has are ignored.

        Raises:
            KeyError: One that every proxy sends is missing.

        """
        return cls(**{name: members[name] for name in cls.__slots__ if name in members or name not in _SINCE_LEDGERS})


_SINCE_LEDGERS = frozenset(
    {
        "attempts",
        "documents",
        "answered",
        "answered_bytes",
        "refused_bytes",
        "failed_bytes",
        "abandoned_bytes",
        "at",
        "complete_until",
        "missing",
    }
)
"""Members that a proxy without a ledger doesn't send."""
