"""One answer made of those of all workers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_STATED: Final = ("workers", "expires_in_s")
"""Numbers that a backend states of itself, to each process the same."""
_LIMIT: Final = "limit"
"""Of a backend: each process has a whole one, and all keep to it together."""
_SCALING: Final = "scaling"
_BUDGET: Final = "budget"
"""Members in which each process speaks for all."""


def merged(values: Sequence[Any]) -> Any:
    """Return what several values of the same place come to.

    Objects are merged by member, lists of objects with a `url` by that; numbers are added, of truth values one true one
    is enough, and of everything else the first one stands.

    Args:
        values: At least one, as JSON has them.

    """
    first = values[0]
    if all(isinstance(value, dict) for value in values):
        names = dict.fromkeys(name for value in values for name in value)
        return {name: _merged_member(name, [value[name] for value in values if name in value]) for name in names}
    if all(isinstance(value, bool) for value in values):
        return any(values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return sum(values)
    if all(isinstance(value, list) for value in values) and _have_urls([one for value in values for one in value]):
        return _merged_by_url([one for value in values for one in value])
    return first


def _merged_member(name: str, values: list[Any]) -> Any:
    if name == _BUDGET:  # what has been used most recently is known where it is most
        return max(values, key=_used_bytes)
    if name != _SCALING:
        return merged(values)
    # A process that has just started knows nothing yet.
    return next((value for value in values if value.get("wanted_workers") is not None), values[0])


def _used_bytes(budgets: Mapping[str, Any] | None) -> int:
    return sum(budget["used_bytes"] for budget in (budgets or {}).values())


def _have_urls(entries: list[Any]) -> bool:
    return all(isinstance(entry, dict) and "url" in entry for entry in entries)


def _merged_by_url(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_url: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        by_url.setdefault(entry["url"], []).append(entry)
    return [_merged_backend(same) for same in by_url.values()]


def _merged_backend(same: list[dict[str, Any]]) -> dict[str, Any]:
    backend: dict[str, Any] = merged(same) | {name: same[0][name] for name in _STATED if name in same[0]}
    if _LIMIT in backend:
        backend[_LIMIT] = max(one[_LIMIT] for one in same if _LIMIT in one)
    return backend
