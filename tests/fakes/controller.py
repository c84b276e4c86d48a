"""The traffic of a proxy without I/O, and load for it."""

import heapq
import itertools
import random
from collections import Counter

from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.controller import TrafficController
from proxy.traffic.slots import Backend, Lease
from proxy.traffic.ticket import Ticket
from tests.fakes.proxy_parts import arrival, proxy_settings, waits


def backends(*slots):
    return [Backend(f"http://b{n}", FixedLimit(count), ready=True, workers=count) for n, count in enumerate(slots)]


def traffic(settings=None, some=None, seed=1):
    chance = random.Random(seed)
    return TrafficController(
        settings or proxy_settings(), some or backends(2), chance=chance.random, choose=chance.randrange
    )


def leases(steps):
    return [step for step in steps if isinstance(step, Lease)]


def passed(steps):
    return [lease.ticket for lease in leases(steps)]


QUOTAS = {"bytes_per_s": 2000, "burst_bytes": 8000, "concurrency": 6}


def saturate(subject, flows, *, seconds=200.0, cost_bytes=1000):
    """Keep so many requests of each flow outstanding; return the bytes that each was served."""
    served, events, numbers = Counter(), [], itertools.count()

    def send(flow, now_s):
        tenant, job, class_name = flow
        assert isinstance(subject.arrive(arrival(tenant, job, cost_bytes, class_name=class_name), now_s), Ticket)
        dispatch(now_s)

    def dispatch(now_s):
        for lease in leases(subject.dispatch(now_s)):
            heapq.heappush(events, (now_s + 1.0, next(numbers), lease))

    for flow, outstanding in flows.items():
        for _ in range(outstanding):
            send(flow, 0.0)
    while events and events[0][0] < seconds:
        now_s, _, lease = heapq.heappop(events)
        ticket = lease.ticket
        flow = (ticket.tenant, ticket.job, ticket.class_name)
        served[flow] += ticket.cost_bytes
        subject.finish(lease, now_s)
        dispatch(now_s)
        send(flow, now_s)
    return served


BIG = {"queue": {"requests": 10_000, "size_bytes": 10**9}, "classes": waits(3600)}


def full(settings):
    """Return a traffic whose only slot is taken and whose queue of one is full, the slot, and who waits."""
    subject = traffic(settings, backends(1))
    subject.arrive(arrival("a"), 0.0)
    (running,) = subject.dispatch(0.0)
    waiting = subject.arrive(arrival("a"), 0.0)
    assert subject.dispatch(0.0) == []
    return subject, running, waiting


ONE = {"queue": {"requests": 1}, "classes": waits(100)}
