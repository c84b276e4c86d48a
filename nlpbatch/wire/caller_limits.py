"""The answer of `GET /v1/limits`: the limits of a key at the proxy, and its use of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from nlpbatch.older_python import Self


@dataclass(frozen=True, slots=True)
class QuotaState:
    """One quota that a caller is under. None where there is no such limit.

    Args:
        bytes_per_s: Bytes of request bodies that it may send each second, on the average.
        burst_bytes: Bytes that it may send at once after a pause.
        left_bytes: Bytes left of the burst; negative while the last request is paid off.
        full_in_s: Seconds until all of them are there again.
        concurrency: Most requests at a time.
        requests: Requests at present.

    """

    bytes_per_s: float | None
    burst_bytes: int | None
    left_bytes: int | None
    full_in_s: float | None
    concurrency: int | None
    requests: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """A caller's waiting requests at the proxy, and their limits."""

    requests: int
    max_requests: int
    size_bytes: int
    max_size_bytes: int


@dataclass(frozen=True, slots=True)
class ClassState:
    """The service that a caller may expect in a class.

    Args:
        may_claim: Whether its requests may ask for the class by their priority.
        share: Of the backends' capacity, 0 to 1, if everybody wanted theirs.
        wait_s: How long a request would wait for its turn now; None if that isn't known.
        max_wait_s: A request that would wait longer is refused.

    """

    may_claim: bool
    share: float
    wait_s: float | None
    max_wait_s: float


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What a tenant may send in a day or in a month, at all proxies together.

    Args:
        limit_bytes: Bytes of request bodies.
        used_bytes: What is used, as far as the proxy knows.
        left_bytes: What is left.
        begins_again_at: When the next day or month begins, ISO 8601 in UTC.
        divided_by: Among how many proxies what is left is divided, because their shared store is away; else 1.

    """

    limit_bytes: int
    used_bytes: int
    left_bytes: int
    begins_again_at: str
    divided_by: int


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """The limits of one key at the proxy process that answered, and its use of them.

    Args:
        tenant: The key's tenant.
        key: The key's id, not the key.
        body_bytes: Largest request body that the proxy passes on.
        quotas: By scope: `key`, `tenant`, `global`.
        queue: The tenant's waiting requests.
        in_flight: The tenant's requests at backends.
        paused: Whether the operator has paused the tenant.
        classes: By name: `interactive`, `batch`.
        budget: By name: `bytes_per_day`, `bytes_per_month`; those that the tenant has.

    """

    tenant: str
    key: str
    body_bytes: int
    quotas: Mapping[str, QuotaState]
    queue: QueueState
    in_flight: int
    paused: bool
    classes: Mapping[str, ClassState]
    budget: Mapping[str, BudgetState] = field(default_factory=dict)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return the values in an answer; members that only a newer proxy has are ignored."""
        own = {name: members[name] for name in ("tenant", "key", "body_bytes", "in_flight", "paused")}
        return cls(
            **own,
            quotas={scope: QuotaState(**_known(QuotaState, quota)) for scope, quota in members["quotas"].items()},
            queue=QueueState(**_known(QueueState, members["queue"])),
            budget={
                name: BudgetState(**_known(BudgetState, state)) for name, state in (members.get("budget") or {}).items()
            },
            classes={name: ClassState(**_known(ClassState, state)) for name, state in members["classes"].items()},
        )


def _known(kind: Any, members: Mapping[str, Any]) -> dict[str, Any]:
    return {one.name: members[one.name] for one in fields(kind)}
