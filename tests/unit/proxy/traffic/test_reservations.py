from proxy.traffic.admission import Refuse
from proxy.traffic.quotas import Quota, Rule
from proxy.traffic.reservations import Reservations
from proxy.traffic.ticket import NOTHING, Backlog

FLOW = ("a", "batch")
REFUSAL = Refuse("rate", 1, 1, 5.0)


def quota():
    return Quota("tenant", "", Rule(bytes_per_s=100, burst_bytes=1000))


def made(reservations, identity="w", *, due_s=5.0, now_s=0.0, quotas=()):
    reservations.make(identity, flow=FLOW, cost_bytes=100, quotas=quotas, now_s=now_s, due_s=due_s, refusal=REFUSAL)
    return reservations.of(identity, now_s)


def test_what_is_promised_is_held_until_its_request_comes():
    reservations, whole = Reservations(), quota()
    one = made(reservations, quotas=(whole,))
    assert reservations.promised(*FLOW) == Backlog(1, 100)
    assert (whole.promised_bytes, whole.promised_requests) == (100, 1)
    reservations.redeem(one)
    reservations.redeem(one)  # twice is once
    assert reservations.promised(*FLOW) == Backlog(0, 0)
    assert (whole.promised_bytes, whole.promised_requests) == (0, 0)
    assert reservations.of("w", 0.0) is None


def test_it_is_due_at_its_time_and_not_before():
    reservations = Reservations()
    one = made(reservations)
    assert not reservations.is_due(one, 4.9)
    assert reservations.is_due(one, 5.0)


def test_one_that_does_not_come_loses_what_was_held_after_a_grace():
    reservations, whole = Reservations(), quota()
    made(reservations, quotas=(whole,))
    assert reservations.of("w", 5.0 + 1.4) is not None
    assert reservations.of("w", 5.0 + 1.5 + 0.25 * 5.1) is None
    assert (reservations.promised(*FLOW), whole.promised_bytes) == (Backlog(0, 0), 0)


def test_nothing_is_held_for_what_is_too_far_away():
    reservations = Reservations()
    assert made(reservations, due_s=601.0) is None
    assert reservations.promised(*FLOW) == NOTHING


def test_reservations_are_bounded():
    reservations = Reservations()
    for number in range(20_001):
        made(reservations, number)
    assert reservations.promised(*FLOW).requests == 20_000
