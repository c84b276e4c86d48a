"""The choice among a service's addresses: even, steady, and slow to return, whatever fails and when."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch import errors
from nlpbatch.client.address import parse_addresses
from nlpbatch.client.endpoints import MAX_BACKOFF_S, MIN_BACKOFF_S, Endpoints, Fault, fault_of
from nlpbatch.client.failures import NotConnected, TimedOut

REFUSED = NotConnected("refused")
SLOW = TimedOut("no answer")


def addresses(count):
    return parse_addresses([f"http://proxy-{number}:8700" for number in range(count)])


def endpoints(count=3, seed=0):
    return Endpoints(addresses(count), random.Random(seed).random)


def fail(choice, now_s, error=REFUSED):
    """Let an attempt at the present address fail; return the next choice."""
    choice.failed(choice.choose(now_s), error, now_s)
    return choice.choose(now_s).address


def test_many_clients_start_evenly_spread_whatever_the_order_of_the_addresses():
    starts = Counter(endpoints(4, seed).choose(0.0).address.url for seed in range(4000))
    assert len(starts) == 4
    assert all(850 < count < 1150 for count in starts.values())


def test_the_clients_of_an_address_that_fails_spread_evenly_over_the_others():
    moved = Counter()
    for seed in range(6000):
        choice = endpoints(4, seed)
        if choice.choose(0.0).address.url.endswith("proxy-0:8700"):
            moved[fail(choice, 0.0).url] += 1
    assert len(moved) == 3
    assert all(400 < count < 600 for count in moved.values())


def test_a_client_stays_where_it_is_answered():
    choice = endpoints()
    chosen = set()
    for now_s in range(1000):
        made = choice.choose(float(now_s))
        choice.answered(made, now_s + 0.5)
        chosen.add(made.address)
    assert len(chosen) == 1


def test_requests_that_fail_together_move_the_client_once():
    choice = endpoints()
    together = [choice.choose(0.0) for _ in range(5)]
    assert [choice.failed(made, REFUSED, 1.0) for made in together] == [True, False, False, False, False]
    assert choice.choose(1.0).address != together[0].address


def test_a_late_failure_of_an_address_that_was_left_moves_nothing():
    choice = endpoints(2)
    late = choice.choose(0.0)
    there = fail(choice, 0.0)
    assert fail(choice, 10.0) == late.address
    assert not choice.failed(late, REFUSED, 11.0)
    assert choice.choose(11.0).address == late.address != there


def test_a_client_does_not_go_back_by_itself_once_the_back_off_has_ended():
    choice = endpoints(2)
    first = choice.choose(0.0).address
    second = fail(choice, 0.0)
    for now_s in (1.0, 10.0, 1000.0):
        made = choice.choose(now_s)
        choice.answered(made, now_s)
        assert made.address == second
    assert fail(choice, 1001.0) == first


def test_the_back_off_grows_with_each_failure_in_a_row_and_is_forgotten_with_an_answer():
    for chance, grown in ((0.0, [1, 2, 4, 8, 15, 15]), (1 - 1e-12, [2, 4, 8, 16, 30, 30])):
        choice = Endpoints(addresses(2), lambda chance=chance: chance)
        first = choice.choose(0.0).address
        now_s, waits_s = 0.0, []
        for _ in grown:
            fail(choice, now_s)  # the first
            waits_s.append(choice._records[first].due_s - now_s)
            now_s += 100
            fail(choice, now_s)  # the other, so that the client comes back
        assert waits_s == pytest.approx(grown)
        choice.answered(choice.choose(now_s), now_s)
        fail(choice, now_s)
        assert choice._records[first].due_s - now_s == pytest.approx(grown[0])


def test_if_all_are_in_back_off_the_one_whose_back_off_ends_first_is_called():
    chances = iter([0.9, 0.9, 0.0, 0.9, 0.5])  # two to shuffle, three back-offs
    choice = Endpoints(addresses(3), lambda: next(chances))
    visited = [choice.choose(0.0).address]
    visited += [fail(choice, 0.0), fail(choice, 0.0)]
    assert len(set(visited)) == 3
    assert fail(choice, 0.0) == visited[0]


def test_a_single_address_is_never_set_aside():
    choice = endpoints(1)
    made = choice.choose(0.0)
    assert not choice.failed(made, REFUSED, 0.0)
    assert not choice.offers_other(made, 0.0)
    assert choice.choose(0.0) == made


def test_an_address_that_answered_since_is_not_blamed_for_one_slow_request():
    choice = endpoints(2)
    slow = choice.choose(0.0)
    choice.answered(choice.choose(1.0), 2.0)
    assert not choice.failed(slow, SLOW, 3.0)
    silent = choice.choose(3.0)
    assert choice.failed(silent, SLOW, 6.0)


def test_a_broken_connection_counts_even_if_the_address_answered_since():
    choice = endpoints(2)
    broken = choice.choose(0.0)
    choice.answered(choice.choose(1.0), 2.0)
    assert choice.failed(broken, errors.ServiceUnreachable("reset"), 3.0)


def test_the_last_error_of_each_address_is_known_until_it_answers():
    choice = endpoints(2)
    first = choice.choose(0.0).address
    second = fail(choice, 0.0)
    choice.failed(choice.choose(0.0), SLOW, 0.0)
    assert choice.errors() == {first.url: REFUSED, second.url: SLOW}
    made = choice.choose(1.0)
    choice.answered(made, 1.0)
    assert choice.errors().keys() == {first.url, second.url} - {made.address.url}


def test_the_addresses_are_shown_in_the_order_given():
    assert endpoints(2, 1).service == endpoints(2, 2).service == "http://proxy-0:8700,http://proxy-1:8700"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (NotConnected(""), Fault.CERTAIN),
        (errors.ServiceUnreachable(""), Fault.CERTAIN),
        (errors.Draining(""), Fault.CERTAIN),
        (TimedOut(""), Fault.SILENT),
        (errors.ServiceTimeout(""), Fault.POSSIBLE),
        (errors.BackendFailed(""), Fault.POSSIBLE),
        (errors.NoCapacity(""), Fault.POSSIBLE),
        (errors.QuotaExceeded(""), Fault.NONE),
        (errors.QueueFull(""), Fault.NONE),
        (errors.TenantPaused(""), Fault.NONE),
        (errors.InternalError(""), Fault.NONE),
        (errors.Unauthenticated(""), Fault.NONE),
        (errors.FingerprintMismatch(""), Fault.NONE),
        (errors.UnexpectedAnswer(""), Fault.NONE),
    ],
)
def test_each_error_is_blamed_on_the_address_or_on_the_service(error, fault):
    assert fault_of(error) is fault


STEPS = st.lists(
    st.tuples(st.floats(0.0, 20.0), st.sampled_from(["answered", "refused", "slow", "late"])), min_size=1, max_size=60
)


@given(count=st.integers(1, 5), seed=st.integers(0, 2**32), steps=STEPS)
def test_whatever_happens_no_address_is_called_before_its_back_off_unless_all_are_in_back_off(count, seed, steps):
    choice = endpoints(count, seed)
    now_s, left_s, late = 0.0, {}, []
    for after_s, event in steps:
        now_s += after_s
        made = choice.choose(now_s)
        if made.address in left_s and now_s < left_s[made.address] + MIN_BACKOFF_S:
            assert len(left_s) == count  # all have failed, and since then none has answered
        if event == "answered":
            choice.answered(made, now_s)
            left_s.pop(made.address, None)
        elif event == "late":
            late.append(made)
        elif choice.failed(made, REFUSED if event == "refused" else SLOW, now_s):
            left_s[made.address] = now_s
        for old in late[:-2]:
            choice.failed(old, SLOW, now_s)
        records = choice._records.values()
        assert all(record.due_s <= now_s + MAX_BACKOFF_S for record in records)


@given(count=st.integers(2, 5), seed=st.integers(0, 2**32), down=st.data())
def test_with_one_address_that_works_every_other_is_tried_once_per_back_off(count, seed, down):
    """Ten requests a second for two minutes: moves are bounded, and most requests go where they are answered."""
    choice = endpoints(count, seed)
    works = down.draw(st.sampled_from(choice.addresses))
    tried = {address: [] for address in choice.addresses}
    for tenth in range(1200):
        made = choice.choose(tenth / 10)
        tried[made.address].append(tenth / 10)
        if made.address == works:
            choice.answered(made, tenth / 10)
        else:
            choice.failed(made, REFUSED, tenth / 10)
    assert sum(map(len, tried.values())) - len(tried[works]) <= count - 1
    assert len(tried[works]) >= 1200 - (count - 1)


def calls_of(clients, is_down, seconds):
    """Let each client make a request a second; return the calls of each address by second."""
    calls = Counter()
    for now_s in range(seconds):
        for choice in clients:
            made = choice.choose(float(now_s))
            calls[made.address, now_s] += 1
            if is_down(made.address, now_s):
                choice.failed(made, REFUSED, float(now_s))
            else:
                choice.answered(made, float(now_s))
    return calls


def test_an_address_that_comes_back_is_met_by_nobody_until_another_one_fails():
    first, second = addresses(2)
    clients = [endpoints(2, seed) for seed in range(400)]
    calls = calls_of(clients, lambda address, now_s: address == first and 10 <= now_s < 20, 60)
    assert 150 < calls[first, 10] < 250
    assert all(calls[first, now_s] == 0 for now_s in range(11, 60))
    assert calls[second, 59] == 400


def test_an_address_that_fails_for_a_moment_costs_each_client_one_call():
    third = addresses(3)[2]
    clients = [endpoints(3, seed) for seed in range(300)]
    calls = calls_of(clients, lambda address, now_s: address == third and now_s >= 5, 120)
    assert sum(calls[third, now_s] for now_s in range(5, 120)) == calls[third, 5] < 150


@given(count=st.integers(2, 4), seed=st.integers(0, 2**32))
def test_while_all_are_down_each_gets_its_part_of_the_calls(count, seed):
    choice = endpoints(count, seed)
    calls = calls_of([choice], lambda _address, _now_s: True, 600)
    by_address = Counter()
    for (address, _), number in calls.items():
        by_address[address] += number
    assert by_address.total() == 600
    assert min(by_address[address] for address in choice.addresses) >= 600 / count / 4


@given(count=st.integers(2, 4), seed=st.integers(0, 2**32))
def test_after_an_outage_of_all_the_first_one_that_is_back_is_found_within_the_longest_back_off(count, seed):
    choice = endpoints(count, seed)
    back = choice.addresses[0]
    calls = calls_of([choice], lambda address, now_s: address != back or now_s < 300, 400)
    found_s = min(now_s for address, now_s in calls if address == back and now_s >= 300)
    assert found_s <= 300 + MAX_BACKOFF_S
    assert all(calls[back, now_s] == 1 for now_s in range(found_s, 400))
