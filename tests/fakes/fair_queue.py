"""Tickets for a fair queue, and ways to serve them."""

from collections import defaultdict

from hypothesis import strategies as st

from proxy.traffic.ticket import Ticket

MAX_BYTES = 1000
COSTS = st.integers(1, MAX_BYTES)


def ticket(tenant="a", job="", cost_bytes=100, arrived_s=0.0):
    return Ticket(tenant, job, cost_bytes, arrived_s)


def serve(queue):
    """Pop a ticket that is served in no time."""
    one = queue.pop()
    if one is not None:
        queue.finish(one)
    return one


def drain(queue):
    return list(iter(lambda: serve(queue), None))


def fill(queue, flows, requests, cost_bytes=100):
    for _ in range(requests):
        for tenant, job in flows:
            queue.push(ticket(tenant, job, cost_bytes))


def while_both_wait(queue, name, flows):
    """Yield the bytes served of each flow, for as long as both have more."""
    served = defaultdict(int)
    while {name(one) for one in queue} >= set(flows):
        one = serve(queue)
        served[name(one)] += one.cost_bytes
        yield served
