from typing import get_args

import pytest

from nlpbatch.errors import BudgetExhausted, NoCapacity, QueueFull, QuotaExceeded, RequestTooLarge, TenantPaused
from nlpbatch.wire.problem import status_of
from proxy.forwarding.refusals import refusal_error
from proxy.traffic.admission import Cause, Refuse


@pytest.mark.parametrize(
    ("cause", "error", "status", "said"),
    [
        ("rate", QuotaExceeded, 429, "tenant acme may send 1,000 bytes a second"),
        ("burst", RequestTooLarge, 413, "the body has 2,000 bytes, tenant acme may send 1,000 at once"),
        ("concurrency", QuotaExceeded, 429, "tenant acme may have 1,000 requests at a time"),
        ("queue_requests", QueueFull, 429, "tenant acme would have 2,000 requests waiting, the limit is 1,000"),
        ("queue_bytes", QueueFull, 429, "tenant acme would have 2,000 bytes waiting, the limit is 1,000"),
        ("wait", NoCapacity, 503, "the wait would be 2,000.0 s, the limit is 1e+03 s"),
        ("waited", NoCapacity, 503, "within 1e+03 s"),
        ("delay", NoCapacity, 503, "waited 2,000.0 s in a queue that doesn't empty, where 1e+03 s is the most"),
        ("paused", TenantPaused, 503, "the operator has paused tenant acme"),
    ],
)
def test_each_cause_has_its_error_with_value_and_bound(cause, error, status, said):
    found = refusal_error("acme", Refuse(cause, 2000, 1000, 2.34567))
    assert (type(found), status_of(found)) == (error, status)
    assert said in found.message
    assert (found.retry_after_s, found.details) == (2.346, {"cause": cause})


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_budget_is_named_with_the_time_at_which_it_begins_again(period):
    found = refusal_error("acme", Refuse(f"budget_{period}", 2000, 1000, 500.0, "tenant", 86_400))
    assert (type(found), status_of(found), found.retry_after_s) == (BudgetExhausted, 429, 500.0)
    assert found.message == (
        f"the request would make it 2,000 bytes of the 1,000 that tenant acme may send this {period} "
        f"(budget.bytes_per_{period}): it begins again at 1970-01-02T00:00:00Z, wait until then or ask the operator "
        "for a larger budget"
    )
    assert found.details == {"cause": f"budget_{period}", "begins_again_at": "1970-01-02T00:00:00Z"}


def test_no_cause_is_without_an_error():
    assert all(refusal_error("acme", Refuse(cause, 1, 1, 1.0)).message for cause in get_args(Cause))


@pytest.mark.parametrize(
    ("scope", "whose"), [("key", "this key"), ("tenant", "tenant acme"), ("global", "the service")]
)
def test_a_refusal_names_whose_quota_it_is(scope, whose):
    assert refusal_error("acme", Refuse("rate", 1, 1, 1.0, scope)).message.startswith(f"{whose} may send")


def test_what_will_never_pass_has_no_time_to_come_back():
    assert refusal_error("acme", Refuse("burst", 2, 1, None)).retry_after_s is None
