import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.slots import Backend, serving
from proxy.traffic.ticket import Ticket
from tests.fakes.proxy_parts import arrival, proxy_settings, waits
from tests.unit.proxy.traffic.test_controller import BIG, CALLS, Play, leases, passed, traffic

OLD, NEW, OTHER = frozenset({"old"}), frozenset({"new"}), frozenset({"other"})
NONE = frozenset()


def stating(*fingerprints, slots=1):
    """Return backends that state these."""
    limits = (FixedLimit(slots) for _ in fingerprints)
    return [
        Backend(f"http://b{number}", limit, ready=True, workers=slots, fingerprints=frozenset(stated))
        for number, (stated, limit) in enumerate(zip(fingerprints, limits, strict=True))
    ]


def patient(*some):
    return traffic(proxy_settings(**BIG), list(some))


def arrive(subject, pin=NONE, now_s=0.0, **members):
    request = subject.arrive(arrival(pin=pin, **members), now_s)
    assert isinstance(request, Ticket)
    return request


@pytest.mark.parametrize(
    ("stated", "pin", "expected"),
    [
        ([OLD, NEW, NONE], NONE, [0, 1, 2]),
        ([OLD, NEW, NONE], NEW, [1]),
        ([OLD | NEW, NEW, NONE], NEW, [0, 1]),
        ([OLD, NEW, NONE], OLD | NEW, [0, 1]),
        ([OLD, NEW, NONE], OTHER, [2]),
        ([OLD, NEW], OTHER, [0, 1]),
        ([NONE, NONE], NEW, [0, 1]),
    ],
)
def test_backends_that_state_a_version_may_answer_it(stated, pin, expected):
    some = stating(*stated)
    assert list(serving(pin, some)) == [some[number] for number in expected]


def test_a_backend_that_is_away_is_still_the_one_that_has_its_version():
    old, new = stating(OLD, NEW)
    old.ready = False
    assert serving(OLD, [old, new]) == [old]


def test_pinned_requests_go_where_their_version_is_and_others_anywhere():
    old, new = stating(OLD, NEW, slots=20)
    subject = patient(old, new)
    pinned = [arrive(subject, NEW) for _ in range(10)]
    free = [arrive(subject) for _ in range(20)]
    at = {lease.ticket: lease.backend for lease in subject.dispatch(0.0)}
    assert len(at) == 30
    assert {at[ticket] for ticket in pinned} == {new}
    assert {at[ticket] for ticket in free} == {old, new}


@pytest.mark.parametrize("class_name", ["batch", "interactive"])
@pytest.mark.parametrize("job", ["x", "y"])
def test_a_request_that_waits_for_its_version_lets_those_behind_it_pass(class_name, job):
    old, new = stating(OLD, NEW)
    subject = patient(old, new)
    first, second = (arrive(subject, NEW, job="x", class_name=class_name) for _ in range(2))
    behind = arrive(subject, job=job)
    at = {lease.ticket: lease for lease in subject.dispatch(0.0)}
    assert {ticket: lease.backend for ticket, lease in at.items()} == {first: new, behind: old}
    subject.finish(at[behind], 1.0)
    assert subject.dispatch(1.0) == []
    subject.finish(at[first], 2.0)
    (last,) = subject.dispatch(2.0)
    assert (last.ticket, last.backend) == (second, new)


def test_extra_slots_of_interactive_requests_are_at_their_version_too():
    old, new = stating(OLD, NEW)
    settings = proxy_settings(queue=BIG["queue"], classes=waits(3600, extra_slots=2))
    subject = traffic(settings, [old, new])
    requests = [arrive(subject, NEW, class_name="interactive") for _ in range(4)]
    assert passed(subject.dispatch(0.0)) == requests[:3]
    assert (old.in_flight, new.in_flight) == (0, 3)


def test_a_request_whose_version_is_away_waits_and_its_tenant_s_others_are_admitted():
    old, new = stating(OLD, NEW)
    subject = traffic(proxy_settings(queue={"requests": 2}, classes=waits(10)), [old, new])
    new.ready = False
    waiting = [arrive(subject, NEW) for _ in range(2)]
    assert subject.dispatch(0.0) == []
    for second in range(5):  # the tenant's queue is full, but this one needn't wait
        other = arrive(subject, now_s=second)
        (lease,) = subject.dispatch(second)
        assert lease.ticket is other
        subject.finish(lease, second + 0.5)
    assert subject.arrive(arrival(pin=NEW), 5.0).cause == "queue_requests"
    assert subject.expire(waiting[0], 10.0).cause == "waited"
    new.ready = True
    assert passed(subject.dispatch(10.0)) == [waiting[1]]


def test_when_the_last_backend_of_a_version_changes_it_waiting_requests_are_sent_and_refused_there():
    old, new = stating(OLD, NEW)
    subject = patient(old, new)
    old.ready = False
    waiting = arrive(subject, OLD)
    assert subject.dispatch(0.0) == []
    old.fingerprints = NEW
    assert passed(subject.dispatch(1.0)) == [waiting]


def test_a_request_that_was_sent_before_goes_there_again_even_if_that_backend_is_full():
    some = stating(NONE, NONE)
    subject = patient(*some)
    some[1].in_flight, some[1].outstanding_bytes = 1, 10**6
    arrive(subject, backend="http://b1")
    assert [lease.backend.url for lease in leases(subject.dispatch(0.0))] == ["http://b1"]


@pytest.mark.parametrize("backend", ["http://b1", "http://elsewhere"])
def test_it_goes_to_another_if_that_backend_is_away_or_has_another_version(backend):
    some = stating(NEW, OLD)
    some[1].ready = backend != "http://b1"
    subject = patient(*some)
    arrive(subject, NEW, backend=backend)
    assert [lease.backend.url for lease in leases(subject.dispatch(0.0))] == ["http://b0"]


def test_a_second_attempt_is_made_at_the_same_version_or_not_at_all():
    old, new, same = stating(OLD, NEW, OLD)
    subject = patient(old, new, same)
    arrive(subject, OLD)
    (first,) = subject.dispatch(0.0)
    second = subject.move(first, 0.1, tried=(first.backend,))
    assert {first.backend, second.backend} == {old, same}
    assert subject.move(second, 0.2, tried=(old, same)) is None


def test_a_version_is_served_elsewhere_if_another_backend_states_it():
    old, new, same = stating(OLD, NEW, OLD)
    subject = patient(old, new, same)
    pinned, gone = (arrive(subject, pin) for pin in (OLD, OTHER))
    assert subject.serves_elsewhere(pinned, (old,))
    assert not subject.serves_elsewhere(pinned, (old, same))
    assert not subject.serves_elsewhere(gone, ())


def test_advice_counts_the_slots_of_the_version_only():
    subject = patient(*stating(OLD, NEW, slots=4))
    free, pinned = arrive(subject, job="x"), arrive(subject, NEW, job="x")
    at = {lease.ticket: lease for lease in subject.dispatch(0.0)}
    subject.finish(at[free], 1.0)
    assert subject.advice(pinned).wanted == 8


def test_what_a_tenant_was_passed_over_for_is_made_good_but_not_without_end():
    old, new = stating(OLD, NEW)
    subject = patient(old, new)
    old.ready = False
    pinned = [arrive(subject, OLD, tenant="a", cost_bytes=100_000) for _ in range(40)]
    for second in range(100):
        arrive(subject, now_s=second, tenant="b", cost_bytes=100_000)
        (lease,) = subject.dispatch(second)
        subject.finish(lease, second + 0.5)
    old.ready, new.fingerprints, new.ready = True, OLD, False
    others = [arrive(subject, now_s=100.0, tenant="b", cost_bytes=100_000) for _ in range(20)]
    order = []
    for second in itertools.count(100):
        got = leases(subject.dispatch(second))
        if not got:
            break
        order.append(got[0].ticket.tenant)
        subject.finish(got[0], second + 0.5)
    assert order[:2] == ["a", "a"]
    assert "b" in order[:6]
    assert order[:12].count("b") >= 4
    assert len(order) == len(pinned) + len(others)


class PinnedPlay(Play):
    """Every call is pinned to one of three versions, or to none; the backends that have them change."""

    def __init__(self, subject, some, pins):
        super().__init__(subject, some)
        self._pins = itertools.cycle(pins)
        self.checked = set()

    def arrive(self, one, how, tries=1):
        if tries == 1:
            one = arrival(one.tenant, one.job, one.cost_bytes, class_name=one.class_name, pin=next(self._pins))
        super().arrive(one, how, tries)

    def dispatch(self):
        super().dispatch()
        for lease in self.held - self.checked:
            assert lease.backend in serving(lease.ticket.pin, self.backends)
        self.checked = set(self.held)

    def check(self):
        room = [one for one in self.backends if one.in_flight < min(one.limit.value, one.workers)]
        for request in self.traffic.queue:
            assert not any(one in serving(request.pin, self.backends) for one in room), "it waits beside its worker"


@given(
    CALLS,
    st.lists(st.sampled_from([NONE, OLD, NEW, OLD | NEW, OTHER]), min_size=1, max_size=7),
    st.lists(st.sampled_from([NONE, OLD, NEW, OLD | NEW]), min_size=1, max_size=3),
)
def test_every_pinned_request_ends_once_at_its_version_and_nothing_is_left_behind(calls, pins, stated):
    settings = proxy_settings(queue={"requests": 5, "size_bytes": 12_000}, classes=waits(4.0, extra_slots=2))
    some = stating(*stated, slots=2)
    play = PinnedPlay(traffic(settings, some), some, pins)
    play.at(7.0, lambda: setattr(some[0], "fingerprints", NEW))
    play.at(7.0, play.dispatch)
    play.run(calls)
    assert sum(play.fates.values()) == len(calls)
    assert all(one.in_flight == one.outstanding_bytes == 0 for one in some)
    assert play.traffic.queue.backlog.requests == 0
