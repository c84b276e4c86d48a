import heapq
import itertools
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.admission import LONGEST_PROMISE_S, Refuse
from proxy.traffic.breaker import Breaker, EjectionRule, Ejections
from proxy.traffic.controller import Dropped
from proxy.traffic.ticket import Ticket
from tests.fakes.controller import BIG, ONE, QUOTAS, backends, full, leases, passed, saturate, traffic
from tests.fakes.proxy_parts import arrival, proxy_settings, waits

MAX_BYTES = 5000
CALLS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["", "x", "y"]),
        st.sampled_from(["interactive", "batch"]),
        st.integers(1, MAX_BYTES),
        st.floats(0, 20),
        st.sampled_from(["waits", "waits", "hangs up", "comes back"]),
    ),
    max_size=40,
)


class Play:
    """Callers against a traffic, on virtual time: each request takes 0.1 ms a byte at its backend."""

    def __init__(self, subject, some):
        self.traffic, self.backends = subject, some
        self.now_s = 0.0
        self.events, self.numbers = [], itertools.count()
        self.fates = Counter()
        self.charged = defaultdict(list)
        self.held = set()

    def at(self, time_s, act):
        heapq.heappush(self.events, (time_s, next(self.numbers), act))

    def run(self, calls):
        for tenant, job, class_name, cost_bytes, at_s, how in calls:
            one = arrival(tenant, job, cost_bytes, class_name=class_name)
            self.at(at_s, lambda one=one, how=how: self.arrive(one, how))
        while self.events:
            self.now_s, _, act = heapq.heappop(self.events)
            act()
            self.check()

    def arrive(self, one, how, tries=1):
        request = self.traffic.arrive(one, self.now_s)
        if isinstance(request, Refuse):
            again = how == "comes back" and tries < 4 and request.retry_after_s is not None
            if again:
                assert 0 < request.retry_after_s <= LONGEST_PROMISE_S
                self.at(self.now_s + request.retry_after_s, lambda: self.arrive(one, how, tries + 1))
            else:
                self.fates["refused"] += 1
            return
        self.charged[one.tenant].append((self.now_s, one.cost_bytes))
        self.at(self.now_s + request.max_wait_s, lambda: self.expire(request))
        if how == "hangs up":
            self.at(self.now_s + 0.3, lambda: self.hang_up(request))
        self.dispatch()

    def dispatch(self):
        for step in self.traffic.dispatch(self.now_s):
            if isinstance(step, Dropped):
                self.fates["dropped"] += 1
                continue
            self.held.add(step)
            self.at(self.now_s + step.ticket.cost_bytes / 10_000, lambda lease=step: self.finish(lease))

    def finish(self, lease):
        self.held.remove(lease)
        self.traffic.finish(lease, self.now_s)
        self.fates["served"] += 1
        self.dispatch()

    def waiting(self, request):
        return any(one is request for one in self.traffic.queue)

    def hang_up(self, request):
        if self.waiting(request):
            self.traffic.leave(request)
            self.fates["hung up"] += 1
            self.dispatch()

    def expire(self, request):
        if self.waiting(request):
            refusal = self.traffic.expire(request, self.now_s)
            assert refusal.cause == "waited"
            self.fates["expired"] += 1

    def check(self):
        room = [one for one in self.backends if one.in_flight < one.limit.value]
        idle = sum(one.in_flight for one in self.backends) < sum(one.workers for one in self.backends)
        assert not (room and idle and self.traffic.queue.backlog.requests), "work waits beside an idle worker"
        assert all(one.in_flight <= one.limit.value + 4 for one in self.backends)


@given(CALLS, st.booleans(), st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_every_request_ends_once_and_nothing_is_left_behind(calls, limited, slots):
    tenants = {"a": {"quota": QUOTAS}, "b": {"weight": 3.0, "key_quota": {"concurrency": 2}}} if limited else None
    settings = proxy_settings(tenants, queue={"requests": 5, "size_bytes": 12_000}, classes=waits(4.0, extra_slots=2))
    some = backends(*slots)
    play = Play(traffic(settings, some), some)
    play.run(calls)
    assert sum(play.fates.values()) == len(calls)
    assert all(one.in_flight == one.outstanding_bytes == 0 for one in some)
    assert play.traffic.queue.backlog.requests == 0
    for tenant in "abcd":
        key_id = settings.tenants[tenant].keys[0].partition(":")[0]
        assert [quota.in_use for quota in play.traffic.quotas.of(tenant, key_id)] == [0, 0, 0]


@given(CALLS)
def test_no_quota_is_exceeded_by_more_than_its_burst(calls):
    settings = proxy_settings({name: {"quota": QUOTAS | {"concurrency": None}} for name in "abcd"})
    some = backends(1000)
    play = Play(traffic(settings, some), some)
    play.run([(*one[:5], "comes back") for one in calls])
    for charged in play.charged.values():
        for start, (from_s, _) in enumerate(charged):
            sums = itertools.accumulate(cost_bytes for _, cost_bytes in charged[start:])
            for (at_s, _), sum_bytes in zip(charged[start:], sums, strict=True):
                assert sum_bytes <= 8000 + 2000 * (at_s - from_s) + 1e-3


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(4, 40), min_size=2), st.data())
def test_tenants_with_enough_outstanding_get_their_weight_s_share(outstanding, data):
    weights = {name: data.draw(st.sampled_from([1.0, 2.0, 3.0])) for name in outstanding}
    settings = proxy_settings({name: {"weight": weight} for name, weight in weights.items()}, **BIG)
    served = saturate(traffic(settings, backends(4)), {(name, "", "batch"): n for name, n in outstanding.items()})
    total, sum_weights = sum(served.values()), sum(weights.values())
    for name, weight in weights.items():
        if outstanding[name] >= 4 * weight:  # as many as its share of the four slots, and some waiting
            assert served[name, "", "batch"] >= total * weight / sum_weights - 4 * 1000


def test_interactive_and_batch_requests_share_by_their_classes():
    settings = proxy_settings(
        queue=BIG["queue"], classes=BIG["classes"] | {"batch": {"weight": 3.0, "max_wait_s": 3600}}
    )
    flows = {("a", "", "interactive"): 20, ("b", "", "batch"): 20}
    served = saturate(traffic(settings, backends(4)), flows)
    assert served["b", "", "batch"] == pytest.approx(3 * served["a", "", "interactive"], rel=0.05)


def test_a_paused_tenant_is_refused_and_what_waits_stays():
    subject, running, waiting = full(proxy_settings(**ONE))
    subject.pause("a", paused=True)
    assert subject.arrive(arrival("a"), 1.0).cause == "paused"
    subject.finish(running, 1.0)
    assert subject.dispatch(1.0) == []
    assert isinstance(subject.arrive(arrival("b"), 1.0), Ticket)
    assert [request.tenant for request in passed(subject.dispatch(1.0))] == ["b"]
    subject.pause("a", paused=False)
    assert waiting in list(subject.queue)


def test_what_waited_too_long_in_a_queue_that_never_empties_is_dropped_and_pays_nothing():
    classes = {"batch": {"max_wait_s": 100, "target_delay_s": 1, "interval_s": 1}}
    settings = proxy_settings({"a": {"quota": QUOTAS | {"bytes_per_s": 1}}}, classes=classes)
    subject = traffic(settings, backends(1))
    for _ in range(6):
        subject.arrive(arrival("a", cost_bytes=1000), 0.0)
    steps = subject.dispatch(0.0)
    for second in range(1, 4):
        subject.finish(leases(steps)[0], second * 2.0)
        steps = subject.dispatch(second * 2.0)
        dropped = [step for step in steps if isinstance(step, Dropped)]
        if dropped:
            break
    assert dropped[0].refusal.cause == "delay"
    key_id = settings.tenants["a"].keys[0].partition(":")[0]
    assert subject.quotas.of("a", key_id)[1].left_bytes(0) == 2000 + 1000 * len(dropped)


def test_new_settings_hold_at_once_and_nothing_is_forgotten():
    subject = traffic(proxy_settings({"a": {"quota": QUOTAS}}), backends(1))
    subject.arrive(arrival("a", cost_bytes=8000), 0.0)
    subject.adopt(proxy_settings({"a": {"quota": QUOTAS | {"burst_bytes": 9000}}}))
    assert isinstance(subject.arrive(arrival("a", cost_bytes=1000), 0.0), Ticket)
    assert subject.arrive(arrival("a", cost_bytes=1), 0.0).cause == "rate"


def test_advice_is_twice_the_job_s_share_of_the_slots():
    subject = traffic(proxy_settings(**BIG), backends(4, 4))
    requests = [subject.arrive(arrival("a", "x"), 0.0) for _ in range(50)]
    subject.dispatch(0.0)
    assert (subject.advice(requests[0]).outstanding, subject.advice(requests[0]).wanted) == (50, 16)
    subject.arrive(arrival("b", "y"), 0.0)
    assert subject.advice(requests[0]).wanted == 8


def test_a_request_moves_to_a_backend_that_was_not_tried():
    some = backends(1, 1)
    subject = traffic(some=some)
    ticket = subject.arrive(arrival("a"), 0.0)
    (first,) = subject.dispatch(0.0)
    second = subject.move(first, 0.1, tried=(first.backend,))
    assert second.ticket is ticket
    assert second.backend is not first.backend
    assert (first.backend.in_flight, second.backend.in_flight) == (0, 1)
    assert subject.move(second, 0.2, tried=tuple(some)) is None
    subject.finish(second, 0.3)


@pytest.mark.parametrize("end", ["finish", "abandon", "move"])
def test_a_lease_is_released_once(end):
    some = backends(2, 2)
    subject = traffic(some=some)
    subject.arrive(arrival("a"), 0.0)
    (lease,) = subject.dispatch(0.0)
    getattr(subject, end)(lease, 0.1)
    for again in ("finish", "abandon", "move"):
        with pytest.raises(ValueError, match="is not held"):
            getattr(subject, again)(lease, 0.2)
    assert sum(one.in_flight for one in some) == (1 if end == "move" else 0)


def test_an_abandoned_try_leaves_the_try_of_a_half_open_backend_to_the_next():
    (only,) = some = backends(1)
    ejections = Ejections(EjectionRule(failures=1, eject_s=1.0))
    only.breaker, _ = Breaker(ejections), Breaker(ejections)  # of two, one may be ejected
    subject = traffic(some=some)
    only.breaker.failed("request", 0.0)
    assert only.breaker.state == "ejected"
    subject.arrive(arrival("a"), 2.0)
    (trying,) = subject.dispatch(2.0)
    assert not only.breaker.allows(2.0)
    subject.abandon(trying, 2.5)
    assert only.breaker.allows(2.5)
