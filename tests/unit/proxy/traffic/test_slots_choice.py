import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.breaker import Breaker, EjectionRule, Ejections
from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.slots import Backend, pick

BACKENDS = st.lists(
    st.builds(
        lambda ready, in_flight, outstanding: Backend(
            "http://b", FixedLimit(3), ready=ready, in_flight=in_flight, outstanding_bytes=outstanding
        ),
        st.booleans(),
        st.integers(0, 4),
        st.integers(0, 100),
    ),
    max_size=5,
)


def backends(*outstanding):
    return [
        Backend(f"http://b{n}", FixedLimit(3), ready=True, outstanding_bytes=size) for n, size in enumerate(outstanding)
    ]


def chosen(*numbers):
    """Return the random source that gives these."""
    following = iter(numbers)
    return lambda bound: next(following) % bound


@given(BACKENDS, st.randoms())
def test_it_is_never_one_without_room(given_backends, source):
    found = pick(given_backends, source.randrange, 0.0)
    with_room = [backend for backend in given_backends if backend.ready and backend.in_flight < 3]
    assert (found in with_room) if with_room else (found is None)


@given(st.lists(st.integers(0, 100), min_size=2, max_size=6), st.integers(0, 99), st.integers(0, 99))
def test_it_is_the_less_loaded_of_two_different_ones(loads, first, second):
    some = backends(*loads)
    found = pick(some, chosen(first, second), 0.0)
    others = [backend for backend in some if backend is not found]
    assert any(found.outstanding_bytes <= backend.outstanding_bytes for backend in others)


def test_the_most_loaded_is_not_chosen():
    some = backends(5, 100, 5)
    assert all(pick(some, chosen(a, b), 0.0) is not some[1] for a in range(3) for b in range(2))


def test_equal_ones_are_reached_equally():
    some = backends(0, 0, 0, 0)
    reached = Counter(pick(some, chosen(a, b), 0.0).url for a in range(4) for b in range(3))
    assert set(reached.values()) == {3}
    assert len(reached) == 4


def test_every_two_are_compared():
    some = backends(0, 1, 2, 3)
    reached = Counter(pick(some, chosen(a, b), 0.0).url for a in range(4) for b in range(3))
    assert [reached[backend.url] for backend in some] == [6, 4, 2, 0]


def test_with_one_that_has_room_nothing_is_drawn():
    some = backends(0, 0)
    some[0].in_flight = 3
    assert pick(some, chosen(), 0.0) is some[1]


def test_beyond_its_limit_a_backend_has_so_many_extra_slots():
    some = backends(0)
    some[0].in_flight = 4
    assert pick(some, chosen(), 0.0, beyond_limit=1) is None
    assert pick(some, chosen(), 0.0, beyond_limit=2) is some[0]


class ProbingLimit(FixedLimit):
    """At one for a moment."""

    @property
    def value(self):
        return 1

    @property
    def lasting(self):
        return super().value


def test_what_goes_beyond_the_limit_does_not_wait_for_a_probe():
    some = [Backend("http://b", ProbingLimit(3), ready=True, in_flight=3)]
    assert pick(some, chosen(), 0.0) is None
    assert pick(some, chosen(), 0.0, beyond_limit=1) is some[0]


def test_one_that_was_ejected_is_not_chosen():
    some = backends(0, 100)
    ejections = Ejections(EjectionRule(failures=1, eject_s=10))
    for backend in some:
        backend.breaker = Breaker(ejections)
    some[0].breaker.failed("x", 0.0)
    assert pick(some, chosen(0, 0), 5.0) is some[1]
    assert pick(some, chosen(0, 0), 10.0) is some[0]


def test_load_is_spread_so_that_no_backend_is_far_ahead():
    some, source = backends(*[0] * 8), random.Random(1)
    for backend in some:
        backend.limit = FixedLimit(10_000)
    for _ in range(4000):
        found = pick(some, source.randrange, 0.0)
        found.in_flight += 1
        found.outstanding_bytes += 100
    counts = [backend.in_flight for backend in some]
    assert max(counts) - min(counts) <= 10
