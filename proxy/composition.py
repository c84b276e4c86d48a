"""Which class stands behind a setting."""

from proxy.config import ConcurrencySettings
from proxy.limits import AdaptiveLimit, FixedLimit, Limit


def new_limit(settings: ConcurrencySettings) -> Limit:
    """Return a limit for one backend."""
    if settings.policy == "fixed":
        return FixedLimit(settings.per_worker)
    return AdaptiveLimit(settings.per_worker, settings.most_per_worker)
