from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.retries import RetryBudget


def taken(budget, now_s, tries=1000):
    return sum(budget.take(now_s) for _ in range(tries))


def test_a_few_are_allowed_however_few_requests_there_are():
    assert taken(RetryBudget(0.2, 3), 0.0) == 3


def test_they_come_back_with_time():
    budget = RetryBudget(0.2, 3)
    taken(budget, 0.0)
    assert taken(budget, 5.0) == 1
    assert taken(budget, 100.0) == 3


def test_so_many_per_request_are_allowed():
    budget = RetryBudget(0.2, 0)
    for _ in range(100):
        budget.request(0.0)
    assert taken(budget, 0.0) == 20


def test_what_was_not_used_is_forgotten():
    budget = RetryBudget(0.2, 0)
    for _ in range(100):
        budget.request(0.0)
    assert taken(budget, 60.0) == 0


def test_without_a_budget_there_are_none():
    budget = RetryBudget(0.0, 0)
    budget.request(0.0)
    assert not budget.take(100.0)


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=200))
def test_never_more_than_a_part_of_the_requests_and_the_few(steps):
    budget, now_s, retries = RetryBudget(0.2, 3), 0.0, 0
    for requests, (pause_s, wants) in enumerate(steps, 1):
        now_s += pause_s
        budget.request(now_s)
        retries += wants and budget.take(now_s)
        assert retries <= 0.2 * requests + 3 * (1 + now_s / 10) + 1e-6
