import pytest

from nlpbatch.client.retry_budget import RetryBudget


def test_a_few_retries_may_be_made_at_once_and_then_one_a_second():
    budget = RetryBudget()
    assert [budget.take(0.0) for _ in range(13)] == [0.0] * 10 + [1.0, 2.0, 3.0]
    assert budget.take(13.0) == 0.0


def test_requests_pay_for_a_fifth_of_themselves():
    budget = RetryBudget()
    for _ in range(10):
        budget.take(0.0)
    for _ in range(20):
        budget.request()
    assert [budget.take(0.0) for _ in range(5)] == pytest.approx([0, 0, 0, 0, 1])


def test_what_is_not_used_is_not_saved_up():
    budget = RetryBudget()
    for _ in range(1000):
        budget.request()
    assert sum(budget.take(1e6) == 0.0 for _ in range(100)) == 10
