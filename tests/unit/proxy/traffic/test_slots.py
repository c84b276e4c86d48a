import pytest

from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.slots import Backend, Slots
from proxy.traffic.ticket import Ticket

NEW, OLD = frozenset({"new"}), frozenset({"old"})


class RecordingLimit(FixedLimit):
    """A fixed limit that remembers what it was to learn from."""

    def __init__(self, slots):
        super().__init__(slots)
        self.recorded = []

    def record(self, **sample):
        self.recorded.append(sample)


class Scene:
    """Backends with so many slots each, and a queue."""

    def __init__(self, *limits, stated=()):
        self.backends = [
            Backend(f"http://b{number}", RecordingLimit(limit), ready=True, workers=limit)
            for number, limit in enumerate(limits)
        ]
        for backend, fingerprints in zip(self.backends, stated, strict=False):
            backend.fingerprints = fingerprints
        self.queue = FairQueue({})
        self.slots = Slots(self.backends, self.queue, lambda _: 0)

    def give(self, number=0, *, cost_bytes=100, now_s=0.0, **members):
        ticket = Ticket(members.pop("tenant", "a"), "", cost_bytes, 0.0, **members)
        return self.slots.give(ticket, self.backends[number], now_s)

    def loads(self):
        return [(backend.in_flight, backend.outstanding_bytes) for backend in self.backends]


def test_a_slot_counts_at_its_backend_and_for_its_tenant_until_it_is_released():
    scene = Scene(2)
    lease = scene.give(cost_bytes=300, now_s=2.5)
    assert (lease.in_flight, lease.sent_s, lease.waited_s) == (1, 2.5, 2.5)
    assert (scene.loads(), scene.slots.of_tenant("a"), scene.slots.of_tenant("b")) == ([(1, 300)], 1, 0)
    scene.slots.release(lease, 3.0, failed=False, learn=True)
    assert (scene.loads(), scene.slots.of_tenant("a")) == ([(0, 0)], 0)
    assert scene.backends[0].limit.recorded == [
        {"now_s": 3.0, "seconds": 0.5, "cost_bytes": 300, "in_flight": 1, "failed": False}
    ]


def test_nothing_is_learned_of_a_request_that_says_nothing_of_its_backend():
    scene = Scene(2)
    scene.slots.release(scene.give(), 3.0, failed=False, learn=False)
    assert scene.backends[0].limit.recorded == []


def test_a_second_release_is_an_error_and_changes_nothing():
    scene = Scene(2)
    lease, other = scene.give(), scene.give()
    scene.slots.release(lease, 1.0, failed=False, learn=True)
    with pytest.raises(ValueError, match="http://b0 is not held"):
        scene.slots.release(lease, 2.0, failed=False, learn=True)
    assert scene.loads() == [(1, 100)]
    scene.slots.release(other, 2.0, failed=False, learn=True)


def test_a_move_releases_the_slot_that_is_left_as_failed():
    scene = Scene(1, 1)
    left = scene.give(now_s=1.0)
    lease = scene.slots.move(left, 2.0, tried=(), learn=True, beyond_limit=0)
    assert (lease.ticket, lease.backend, lease.sent_s) == (left.ticket, scene.backends[1], 2.0)
    assert scene.loads() == [(0, 0), (1, 100)]
    assert [sample["failed"] for sample in scene.backends[0].limit.recorded] == [True]
    with pytest.raises(ValueError, match="not held"):
        scene.slots.release(left, 3.0, failed=False, learn=False)


def test_without_a_slot_elsewhere_the_lease_is_kept():
    scene = Scene(1, 1)
    lease, other = scene.give(0), scene.give(1)
    assert scene.slots.move(lease, 1.0, tried=(), learn=True, beyond_limit=0) is None
    assert scene.slots.move(lease, 1.0, tried=scene.backends, learn=True, beyond_limit=9) is None
    for held in (lease, other):
        scene.slots.release(held, 2.0, failed=False, learn=True)
    assert scene.loads() == [(0, 0), (0, 0)]


def test_a_slot_is_free_if_nobody_waits_for_it():
    scene = Scene(1, 1, stated=(OLD, NEW))
    assert scene.slots.is_free(NEW, 0.0)
    scene.queue.push(Ticket("a", "", 1, 0.0, pin=OLD))
    assert (scene.slots.is_free(OLD, 0.0), scene.slots.is_free(NEW, 0.0)) == (False, True)
    scene.queue.push(Ticket("a", "", 1, 0.0))
    assert not scene.slots.is_free(NEW, 0.0)


def test_slots_are_counted_at_ready_backends_of_the_version():
    scene = Scene(1, 2, stated=(OLD, NEW))
    assert [scene.slots.count(pin) for pin in (frozenset(), OLD, NEW)] == [3, 1, 2]
    scene.backends[1].ready = False
    assert scene.slots.count(frozenset()) == 1


def test_only_interactive_requests_go_beyond_a_limit():
    scene = Scene(1)
    scene.give()
    scene.queue.push(Ticket("a", "", 1, 0.0))
    assert scene.slots.next(0.0, 2) is None
    urgent = Ticket("a", "", 1, 0.0, "interactive")
    scene.queue.push(urgent)
    assert scene.slots.next(0.0, 0) is None
    assert scene.slots.next(0.0, 2) == (scene.backends[0], urgent)
