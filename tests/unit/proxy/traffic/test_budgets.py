import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.admission import Refuse
from proxy.traffic.budgets import Budgets
from proxy.traffic.calendar import DAY_S
from proxy.traffic.controller import TrafficController
from tests.fakes.proxy_parts import arrival, proxy_settings, waits

JAN_31_S = 30 * DAY_S


def budgets(offset_s=0.0, **limits):
    found = Budgets(lambda: offset_s)
    found.adopt(proxy_settings({"a": {"budget": limits}}))
    return found


def send(found, cost_bytes, now_s=0.0):
    """Return whether a request passes, and count it if so."""
    if found.over("a", cost_bytes, now_s) is not None:
        return False
    found.charge("a", cost_bytes, now_s)
    return True


def look(found, others_bytes, now_s=0.0):
    for budget in found.of("a", now_s):
        budget.saw(budget.period, budget.own_bytes, others_bytes)


def test_a_request_over_the_budget_learns_when_the_budget_begins_again():
    found = budgets(bytes_per_day=1000)
    assert send(found, 600)
    spent = found.over("a", 401, 5.0)
    assert (spent.kind, spent.value, spent.bound, spent.ends_s) == ("day", 1001, 1000, DAY_S)
    assert send(found, 400)


def test_a_day_begins_again_at_midnight_and_the_month_goes_on():
    found = budgets(bytes_per_day=1000, bytes_per_month=1500)
    assert send(found, 1000, JAN_31_S - 1)
    assert not send(found, 1, JAN_31_S - 1)
    assert send(found, 500, JAN_31_S)
    assert found.over("a", 1, JAN_31_S).kind == "month"
    assert send(found, 1000, JAN_31_S + DAY_S)


def test_of_two_budgets_that_are_used_up_the_refusal_names_the_month():
    found = budgets(bytes_per_day=10, bytes_per_month=10)
    assert found.over("a", 11, 0.0).ends_s == 31 * DAY_S


def test_a_tenant_without_a_budget_is_not_limited_and_not_counted():
    found = budgets(bytes_per_day=10)
    assert found.over("b", 10**15, 0.0) is None
    found.charge("b", 10**15, 0.0)
    assert found.of("b", 0.0) == ()


def test_the_day_goes_by_the_clock_that_the_proxies_share():
    found = budgets(offset_s=DAY_S - 10.0, bytes_per_day=10)
    assert send(found, 10, 9.0)
    assert not send(found, 1, 9.5)
    assert send(found, 10, 10.0)


def test_a_clock_that_is_set_back_a_little_at_midnight_counts_nothing_twice():
    offset = [0.0]
    found = Budgets(lambda: offset[0])
    found.adopt(proxy_settings({"a": {"budget": {"bytes_per_day": 10}}}))
    assert send(found, 10, DAY_S)
    offset[0] = -0.5
    assert not send(found, 1, DAY_S)


def test_what_leaves_the_queue_is_given_back_unless_its_day_is_over():
    found = budgets(bytes_per_day=10, bytes_per_month=100)
    assert send(found, 10, DAY_S - 1)
    found.give_back("a", 10, DAY_S - 1)
    assert send(found, 10, DAY_S - 1)
    assert send(found, 10, DAY_S)
    found.give_back("a", 10, DAY_S - 1)
    day, month = found.of("a", DAY_S)
    assert (day.used_bytes, month.used_bytes) == (10, 10)


def test_what_others_have_used_counts():
    found = budgets(bytes_per_day=1000)
    assert send(found, 100)
    look(found, 850)
    assert not send(found, 51)
    assert send(found, 50)


def test_a_look_at_yesterday_says_nothing_of_today():
    found = budgets(bytes_per_day=1000)
    (day, _) = found.of("a", 0.0)
    yesterday = day.period
    found.of("a", DAY_S)
    day.saw(yesterday, 5, 900)
    assert day.used_bytes == 0


@given(
    st.integers(1, 8), st.integers(0, 1200), st.lists(st.tuples(st.integers(0, 7), st.integers(1, 300)), max_size=60)
)
def test_divided_all_proxies_together_never_send_more_than_was_left(proxies, used, requests):
    fleet = [budgets(bytes_per_day=1000) for _ in range(proxies)]
    for found in fleet:
        look(found, used)
        found.divided, found.proxies = True, proxies
    sent = sum(cost for number, cost in requests if send(fleet[number % proxies], cost))
    assert used + sent <= max(used, 1000)


def test_alone_again_it_may_use_all_that_is_left():
    found = budgets(bytes_per_day=1000)
    found.divided, found.proxies = True, 4
    assert send(found, 250)
    assert not send(found, 1)
    assert found.divided_by == 4
    found.divided = False
    assert send(found, 750)


def test_another_look_is_wanted_when_half_of_its_part_has_gone():
    found, wanted = budgets(bytes_per_day=1000), []
    found.proxies, found.on_low = 2, lambda: wanted.append(True)
    assert send(found, 250)
    assert wanted == []
    assert send(found, 1)
    assert wanted == [True]


def test_another_configuration_keeps_what_was_counted():
    found = budgets(bytes_per_day=1000)
    assert send(found, 900)
    found.adopt(proxy_settings({"a": {"budget": {"bytes_per_day": 950}}}))
    assert not send(found, 51)
    assert send(found, 50)
    found.adopt(proxy_settings())
    assert found.over("a", 10**9, 0.0) is None


@pytest.fixture
def traffic():
    settings = proxy_settings({"a": {"budget": {"bytes_per_day": 1000}}}, classes=waits(30))
    return TrafficController(settings, [], chance=lambda: 0.5, choose=lambda _: 0)


def test_a_request_over_the_budget_is_refused_until_midnight_and_reserves_nothing(traffic):
    assert not isinstance(traffic.arrive(arrival(cost_bytes=1000), 100.0), Refuse)
    for now_s in (100.0, DAY_S - 1.0):
        refusal = traffic.arrive(arrival(cost_bytes=1, identity="the same"), now_s)
        assert (refusal.cause, refusal.scope, refusal.begins_again_s) == ("budget_day", "tenant", DAY_S)
        assert refusal.retry_after_s == DAY_S - now_s
    assert not isinstance(traffic.arrive(arrival(cost_bytes=1, identity="the same"), float(DAY_S)), Refuse)


def test_other_tenants_are_not_concerned(traffic):
    traffic.arrive(arrival(cost_bytes=1000), 0.0)
    assert not isinstance(traffic.arrive(arrival("b", cost_bytes=10**6), 0.0), Refuse)


def test_a_caller_that_hangs_up_in_the_queue_has_used_nothing(traffic):
    ticket = traffic.arrive(arrival(cost_bytes=1000), 0.0)
    traffic.leave(ticket)
    assert not isinstance(traffic.arrive(arrival(cost_bytes=1000), 1.0), Refuse)
