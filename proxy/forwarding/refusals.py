"""The error that a refused caller gets: one row per cause."""

from collections.abc import Callable
from typing import Final

from nlpbatch.errors import (
    BudgetExhausted,
    NlpbatchError,
    NoCapacity,
    QueueFull,
    QuotaExceeded,
    RequestTooLarge,
    TenantPaused,
)
from proxy.instants import iso
from proxy.traffic.admission import Cause, Refuse

_AGAIN: Final = "send again after Retry-After"
_WHOSE: Final = {"key": "this key", "tenant": "this tenant", "global": "the service", None: "this tenant"}


def _budget(refuse: Refuse, whose: str, period: str) -> str:
    return (
        f"the request would make it {refuse.value:,.0f} bytes of the {refuse.bound:,.0f} that {whose} may send this "
        f"{period} (budget.bytes_per_{period}): it begins again at {iso(refuse.begins_again_s or 0)}, wait until then "
        "or ask the operator for a larger budget"
    )


_Row = tuple[type[NlpbatchError], Callable[[Refuse, str], str]]
_ROWS: Final[dict[Cause, _Row]] = {
    "rate": (
        QuotaExceeded,
        lambda refuse, whose: (
            f"{whose} may send {refuse.bound:,.0f} bytes a second: {_AGAIN}, or ask the operator for a larger quota"
        ),
    ),
    "burst": (
        RequestTooLarge,
        lambda refuse, whose: (
            f"the body has {refuse.value:,.0f} bytes, {whose} may send {refuse.bound:,.0f} at once: "
            "send fewer documents at a time, or ask the operator for a larger burst_bytes"
        ),
    ),
    "concurrency": (
        QuotaExceeded,
        lambda refuse, whose: (
            f"{whose} may have {refuse.bound:,.0f} requests at a time: {_AGAIN}, or ask the operator for a larger quota"
        ),
    ),
    "queue_requests": (
        QueueFull,
        lambda refuse, whose: (
            f"{whose} would have {refuse.value:,.0f} requests waiting, the limit is "
            f"{refuse.bound:,.0f}: {_AGAIN}, or ask the operator for a larger queue"
        ),
    ),
    "queue_bytes": (
        QueueFull,
        lambda refuse, whose: (
            f"{whose} would have {refuse.value:,.0f} bytes waiting, the limit is "
            f"{refuse.bound:,.0f}: {_AGAIN}, or ask the operator for a larger queue"
        ),
    ),
    "wait": (
        NoCapacity,
        lambda refuse, _: f"the wait would be {refuse.value:,.1f} s, the limit is {refuse.bound:,.3g} s: {_AGAIN}",
    ),
    "waited": (NoCapacity, lambda refuse, _: f"no slot became free within {refuse.bound:,.3g} s: {_AGAIN}"),
    "delay": (
        NoCapacity,
        lambda refuse, _: (
            f"waited {refuse.value:,.1f} s in a queue that doesn't empty, where {refuse.bound:,.3g} s is "
            f"the most: {_AGAIN}"
        ),
    ),
    "budget_day": (BudgetExhausted, lambda refuse, whose: _budget(refuse, whose, "day")),
    "budget_month": (BudgetExhausted, lambda refuse, whose: _budget(refuse, whose, "month")),
    "paused": (TenantPaused, lambda _, whose: f"the operator has paused {whose}: {_AGAIN}"),
}


def refusal_error(tenant: str, refusal: Refuse) -> NlpbatchError:
    """Return the error that says why a caller is refused, and when to come back."""
    cls, detail = _ROWS[refusal.cause]
    after_s = None if refusal.retry_after_s is None else round(refusal.retry_after_s, 3)
    whose = _WHOSE[refusal.scope].replace("this tenant", f"tenant {tenant}")
    details = {} if refusal.begins_again_s is None else {"begins_again_at": iso(refusal.begins_again_s)}
    return cls(detail(refusal, whose), retry_after_s=after_s, cause=refusal.cause, **details)
