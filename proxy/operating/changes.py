"""What differs between two configurations, for the audit log: key, before, after; never a secret. Pure."""

from typing import Any, Final

from proxy.config import ProxySettings

_MAX_LISTED: Final = 100
"""Changes that are listed; the others are counted."""


def changed(before: ProxySettings, after: ProxySettings) -> dict[str, dict[str, Any]]:
    """Return what differs by its key in the file, such as `tenants.search.quota.bytes_per_s`: `before` and `after`.

    Of stored keys it has only the ids, not salt and hash.
    """
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    names = [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]
    found = {name: {"before": old.get(name), "after": new.get(name)} for name in names[:_MAX_LISTED]}
    if len(names) > _MAX_LISTED:
        found["…"] = {"before": None, "after": f"{len(names) - _MAX_LISTED} further settings"}
    return found


def _flat(members: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in members.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif prefix.startswith("tenants.") and name == "keys":
            flat[f"{prefix}{name}"] = sorted(entry.partition(":")[0] for entry in value)
        else:
            flat[f"{prefix}{name}"] = value
    return flat
