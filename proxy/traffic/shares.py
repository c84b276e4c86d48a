"""Which part of the service each tenant gets: the one formula that the fair queue and the operator's tools state. Pure.

The queue divides the service between the classes first and then, within a class, between its tenants, both by weight.
Only who is active counts, so what a class or a tenant leaves goes to the others.
"""

from collections.abc import Mapping

from proxy.config import ProxySettings
from proxy.traffic.fair_queue import share
from proxy.traffic.ticket import CLASS_NAMES, ClassName

Shares = Mapping[tuple[str, ClassName], float]
"""Parts of the service by tenant and class, 0 to 1."""


def contended_shares(settings: ProxySettings) -> Shares:
    """Return the shares while every tenant has work waiting in every class that it may claim, and only those."""
    class_weights = {name: getattr(settings.classes, name).weight for name in CLASS_NAMES}
    weights = {
        name: {tenant: one.weight for tenant, one in settings.tenants.items() if name in one.classes}
        for name in CLASS_NAMES
    }
    sums = {name: sum(weights[name].values()) for name in CLASS_NAMES if weights[name]}
    all_classes = sum(class_weights[name] for name in sums)
    return {
        (tenant, name): share(
            class_weight=class_weights[name], class_weights=all_classes, weight=weight, weights=sums[name]
        )
        for name in sums
        for tenant, weight in weights[name].items()
    }


def tenant_share(shares: Shares, tenant: str) -> float:
    """Return a tenant's share in all classes together; 0 for an unknown one."""
    return sum(shares.get((tenant, name), 0.0) for name in CLASS_NAMES)


def class_share(shares: Shares, class_name: ClassName) -> float:
    """Return the share of all tenants together in one class."""
    return sum(part for (_, name), part in shares.items() if name == class_name)
