import pytest

from proxy.traffic.breaker import Breaker, EjectionRule, Ejections
from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.controller import TrafficController
from proxy.traffic.retries import Failure, GiveUp, Retries, RetryBudget, Return, TryAt
from proxy.traffic.slots import Backend
from tests.fakes.proxy_parts import arrival, proxy_settings, waits

OLD, NEW = frozenset({"old"}), frozenset({"new"})


class RecordingLimit(FixedLimit):
    """A fixed limit that remembers which of its requests failed."""

    def __init__(self, slots):
        super().__init__(slots)
        self.recorded = []

    def record(self, *, failed, **_):
        self.recorded.append(failed)


class Scene:
    """Backends, one for each set of fingerprints, and requests that begin at the first of them with room."""

    def __init__(self, *stated, ratio=1.0, min_retries=10, failures=2, slots=2):
        ejections = Ejections(EjectionRule(failures=failures, eject_s=10.0))
        self.backends = [
            Backend(
                f"http://b{number}",
                RecordingLimit(slots),
                Breaker(ejections),
                ready=True,
                workers=slots,
                fingerprints=fingerprints,
            )
            for number, fingerprints in enumerate(stated or (frozenset(), frozenset()))
        ]
        self.traffic = TrafficController(
            proxy_settings(classes=waits(60.0)), self.backends, chance=lambda: 0.5, choose=lambda _: 0
        )
        self.budget = RetryBudget(ratio, min_retries)

    def begin(self, pin=frozenset(), identity="request", now_s=0.0):
        self.traffic.arrive(arrival(pin=pin), now_s)
        (lease,) = self.traffic.dispatch(now_s)
        return Retries(self.traffic, self.budget, lease, identity, now_s)

    @property
    def in_flight(self):
        return [backend.in_flight for backend in self.backends]

    @property
    def recorded(self):
        return [backend.limit.recorded for backend in self.backends]

    @property
    def states(self):
        return [backend.breaker.state for backend in self.backends]


@pytest.mark.parametrize(("status", "failed"), [(200, False), (400, False), (412, False), (501, True), (504, True)])
def test_an_answer_that_another_backend_would_not_better_is_returned(status, failed):
    scene = Scene()
    assert scene.begin().after(status, 1.0) == Return()
    assert (scene.in_flight, scene.recorded) == ([0, 0], [[failed], []])


@pytest.mark.parametrize("outcome", [500, 502, 503, Failure.BROKEN_OFF, Failure.NOT_CONNECTED])
def test_a_failure_is_tried_at_another_backend_and_recorded_where_it_happened(outcome):
    scene = Scene()
    first, second = scene.backends
    retries = scene.begin()
    assert retries.backend is first
    assert retries.after(outcome, 1.0) == TryAt(second)
    assert (retries.backend, scene.in_flight) == (second, [0, 1])
    assert retries.after(200, 2.0) == Return()
    assert (scene.in_flight, scene.recorded) == ([0, 0], [[True], [False]])


@pytest.mark.parametrize("outcome", [500, 502, 503, Failure.BROKEN_OFF])
def test_a_second_failure_is_final(outcome):
    scene = Scene(*[frozenset()] * 3)
    retries = scene.begin()
    assert isinstance(retries.after(outcome, 1.0), TryAt)
    assert retries.after(outcome, 2.0) == Return()
    assert scene.in_flight == [0, 0, 0]


def test_a_timeout_is_not_tried_again():
    scene = Scene(failures=1)
    assert scene.begin().after(Failure.TIMED_OUT, 1.0) == Return()
    assert (scene.in_flight, scene.recorded, scene.states) == ([0, 0], [[True], []], ["ejected", "closed"])


def test_three_backends_are_tried_for_a_connection_whatever_the_budget_has():
    scene = Scene(*[frozenset()] * 4, ratio=0.0, min_retries=0, failures=9)
    retries = scene.begin()
    tried = {retries.backend.url}
    for _ in range(2):
        assert isinstance(retries.after(Failure.NOT_CONNECTED, 1.0), TryAt)
        tried.add(retries.backend.url)
    assert retries.after(Failure.NOT_CONNECTED, 2.0) == Return()
    assert len(tried) == 3
    assert scene.in_flight == [0, 0, 0, 0]


@pytest.mark.parametrize("outcome", [500, 502, 503, Failure.BROKEN_OFF])
def test_without_budget_a_failure_is_final(outcome):
    scene = Scene(ratio=0.0, min_retries=1)
    assert isinstance(scene.begin().after(outcome, 1.0), TryAt)
    scene.backends[1].ready = False
    assert scene.begin(identity="another", now_s=1.0).after(outcome, 1.0) == Return()


def test_without_room_elsewhere_a_failure_is_final():
    scene = Scene(slots=1)
    first, second = scene.begin(), scene.begin(identity="another")
    assert {first.backend, second.backend} == set(scene.backends)
    assert first.after(500, 1.0) == Return()
    assert second.after(200, 1.0) == Return()
    assert scene.in_flight == [0, 0]


def test_different_failed_requests_eject_and_room_that_a_backend_lacks_does_not():
    scene = Scene(failures=2)
    for number in range(2):
        retries = scene.begin(identity=f"full-{number}")
        retries.after(503, 1.0)
        retries.after(200, 1.0)
    assert scene.states == ["closed", "closed"]
    for number in range(2):
        retries = scene.begin(identity=f"failed-{number}")
        assert retries.backend is scene.backends[0]
        retries.after(500, 1.0)
        retries.after(200, 1.0)
    assert scene.states == ["ejected", "closed"]


def test_a_request_that_two_backends_fail_is_to_blame_itself():
    scene = Scene(failures=2)
    for number in range(5):
        retries = scene.begin(identity=f"poison-{number}")
        retries.after(500, 1.0)
        retries.after(500, 1.0)
    assert scene.states == ["closed", "closed"]


def test_a_backend_without_the_pinned_version_is_not_blamed_and_nothing_is_learned_of_it():
    scene = Scene(OLD, OLD, NEW, ratio=0.0, min_retries=0)
    retries = scene.begin(pin=OLD)
    assert retries.after(412, 1.0) == TryAt(scene.backends[1])
    assert retries.after(200, 1.0) == Return()
    assert (scene.recorded, scene.in_flight) == ([[], [False], []], [0, 0, 0])


def test_three_backends_are_tried_for_a_version():
    scene = Scene(OLD, OLD, OLD, OLD)
    retries = scene.begin(pin=OLD)
    assert isinstance(retries.after(412, 1.0), TryAt)
    assert isinstance(retries.after(412, 1.0), TryAt)
    assert retries.after(412, 1.0) == Return()
    assert scene.in_flight == [0, 0, 0, 0]


def test_with_its_version_full_elsewhere_a_request_has_to_come_back():
    scene = Scene(OLD, OLD, slots=1)
    first, second = scene.begin(pin=OLD), scene.begin(pin=OLD)
    assert first.after(412, 1.0) == GiveUp(retry_after_s=1.0)
    assert sorted(scene.in_flight) == [0, 1]
    assert second.after(200, 1.0) == Return()
    assert sorted(scene.recorded) == [[], [False]]


def test_the_412_of_the_only_backend_with_the_version_is_returned():
    scene = Scene(OLD, NEW)
    assert scene.begin(pin=OLD).after(412, 1.0) == Return()
    assert scene.in_flight == [0, 0]


def test_a_slot_is_released_once():
    scene = Scene()
    retries = scene.begin()
    retries.after(200, 1.0)
    with pytest.raises(ValueError, match="not held"):
        retries.after(200, 2.0)
    with pytest.raises(ValueError, match="not held"):
        retries.abandon(2.0)
    assert (scene.in_flight, scene.recorded) == ([0, 0], [[False], []])


def test_a_caller_that_hangs_up_says_nothing_of_the_backend():
    scene = Scene(failures=1)
    scene.backends[1].ready = False
    scene.begin().after(500, 0.0)
    scene.backends[1].ready = True
    scene.begin(now_s=11.0).abandon(12.0)
    assert (scene.in_flight, scene.recorded, scene.states) == ([0, 0], [[True], []], ["half_open", "closed"])
    assert scene.backends[0].breaker.allows(12.0)
