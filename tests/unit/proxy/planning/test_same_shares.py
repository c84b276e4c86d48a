"""Every tool states the shares that the fair queue really gives: bytes are counted of thousands of served requests."""

import re
from collections import Counter

import pytest

from proxy.planning.check import summary
from proxy.planning.diff import changes
from proxy.planning.explain import Load, allowances
from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.shares import class_share, contended_shares, tenant_share
from proxy.traffic.ticket import CLASS_NAMES, Ticket
from tests.fakes.proxy_parts import proxy_settings

INTERACTIVE, BATCH = {"classes": ["interactive"]}, {"classes": ["batch"]}
CASES = {
    "one interactive tenant, three of batch": ({"a": INTERACTIVE, "b": BATCH, "c": BATCH, "d": BATCH}, {}),
    "weights of tenants and classes": (
        {"a": {"weight": 3.0}, "b": BATCH | {"weight": 0.5}, "c": INTERACTIVE},
        {"classes": {"interactive": {"weight": 3.0}}},
    ),
    "nobody may claim interactive": (dict.fromkeys("abcd", BATCH), {}),
    "everybody may claim both": ({}, {"classes": {"batch": {"weight": 4.0}}}),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys(), scope="module")
def settings(request):
    tenants, groups = request.param
    return proxy_settings(tenants, **groups)


@pytest.fixture(scope="module")
def served(settings):
    """Return the parts of the bytes that a fair queue served, all having work waiting all the time."""
    classes = {name: getattr(settings.classes, name).weight for name in CLASS_NAMES}
    queue = FairQueue({name: tenant.weight for name, tenant in settings.tenants.items()}, classes)
    flows = [(tenant, name) for tenant, one in settings.tenants.items() for name in one.classes]
    for number in range(2):
        for tenant, name in flows:
            queue.push(Ticket(tenant, "", 1000 + 300 * number, 0.0, name))
    sizes = Counter()
    for number in range(6000):
        ticket = queue.pop()
        queue.push(Ticket(ticket.tenant, "", 700 + number * 37 % 900, 0.0, ticket.class_name))
        queue.finish(ticket)
        sizes[ticket.tenant, ticket.class_name] += ticket.cost_bytes
    shares = {flow: queue.share(*flow) for flow in flows}
    assert shares == pytest.approx(contended_shares(settings))  # what /v1/limits and advice state at that moment
    return {flow: sizes[flow] / sizes.total() for flow in flows}


def total(served, tenant):
    return sum(part for (name, _), part in served.items() if name == tenant)


def test_the_shares_are_what_the_queue_serves(settings, served):
    assert contended_shares(settings) == pytest.approx(served, abs=0.01)
    for name in CLASS_NAMES:
        expected = sum(part for (_, class_name), part in served.items() if class_name == name)
        assert class_share(contended_shares(settings), name) == pytest.approx(expected, abs=0.01)


def test_an_unknown_tenant_has_no_share(settings):
    assert tenant_share(contended_shares(settings), "nobody") == 0


def test_check_states_what_the_queue_serves(settings, served):
    text = "\n".join(summary(settings))
    found = dict(re.findall(r"tenant (\w): (\d+)% of the service", text))
    assert {name: int(percent) for name, percent in found.items()} == {
        name: pytest.approx(100 * total(served, name), abs=1.5) for name in "abcd"
    }


def test_diff_states_what_the_queue_serves(settings, served):
    unlike = proxy_settings({"a": {"weight": 77.0}, "b": {"weight": 7.0}, "c": {"weight": 0.7}})
    rows = [change for change in changes(unlike, settings) if change.what == "share under contention"]
    assert {row.who: float(row.after.rstrip("%")) for row in rows} == {
        name: pytest.approx(100 * total(served, name), abs=1) for name in "abcd"
    }


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_explain_states_what_the_queue_serves(settings, served, class_name):
    for tenant in "abcd":
        load = Load(tenant, 1000, class_name, workers=1, worker_bytes_per_s=100.0)
        (found,) = (one for one in allowances(settings, load) if one.name == "backends, under contention")
        assert found.bytes_per_s == pytest.approx(100 * served.get((tenant, class_name), 0.0), abs=1)
