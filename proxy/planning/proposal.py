"""A change of some limits that isn't live: the settings with it, and the lines of `proxy.toml` that make it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nlpbatch.errors import InvalidRequest
from nlpbatch.serving.settings import check
from proxy.config import ProxySettings

_QUOTA: Final = ("bytes_per_s", "burst_bytes", "concurrency")
_BUDGET: Final = ("bytes_per_day", "bytes_per_month")
_GROUPS: Final[Mapping[tuple[str, ...], Sequence[str]]] = {
    ("quota",): _QUOTA,
    ("queue",): ("requests", "size_bytes"),
    ("classes", "interactive"): ("weight", "max_wait_s", "target_delay_s", "extra_slots"),
    ("classes", "batch"): ("weight", "max_wait_s", "target_delay_s"),
    ("concurrency",): ("per_worker", "max_per_worker"),
}
_OF_TENANT: Final[Mapping[tuple[str, ...], Sequence[str]]] = {
    (): ("weight",),
    ("quota",): _QUOTA,
    ("key_quota",): _QUOTA,
    ("budget",): _BUDGET,
}
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_MAX_EDITS: Final = 50

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One setting that is to be another.

    Args:
        path: Its keys, from the outermost on.
        value: What it is to be; None for its default.

    """

    path: Path
    value: float | None


def editable(settings: ProxySettings) -> list[dict[str, Any]]:
    """Return the limits that may be edited, with their present values, as JSON members."""
    return [
        {"path": list(path), "name": ".".join(_quoted(key) for key in path), "value": _value(settings, path)}
        for path in _paths(settings)
    ]


def read_edits(members: Any, settings: ProxySettings) -> list[Edit]:
    """Return the edits in the JSON of a request: `{"edits": [{"path": ["quota", "bytes_per_s"], "value": 1000}]}`.

    Raises:
        InvalidRequest: They aren't that, or name something that can't be edited.

    """
    given = members.get("edits") if isinstance(members, dict) else None
    if not isinstance(given, list) or not 1 <= len(given) <= _MAX_EDITS:
        raise InvalidRequest(f'send {{"edits": [{{"path": […], "value": …}}]}} with 1 to {_MAX_EDITS} of them')
    known = set(_paths(settings))
    return [_edit(one, known, f"/edits/{number}") for number, one in enumerate(given)]


def proposed(settings: ProxySettings, edits: Sequence[Edit]) -> ProxySettings:
    """Return the settings with the edits.

    Raises:
        InvalidRequest: They can't be so: every fault, each with its remedy.

    """
    members = settings.model_dump(mode="json")
    for edit in edits:
        *groups, name = edit.path
        within = members
        for group in groups:
            within = within[group]
        if edit.value is None:
            within.pop(name, None)
        else:
            within[name] = edit.value
    try:
        return check(members, ProxySettings, "the change")
    except Exception as error:
        raise InvalidRequest(str(error)) from error


def to_toml(edits: Sequence[Edit]) -> str:
    """Return what `proxy.toml` is to have in place of its lines on the same settings."""
    tables: dict[Path, list[str]] = {}
    for edit in edits:
        *groups, name = edit.path
        line = f"# {name}: leave this line out" if edit.value is None else f"{name} = {_number(edit.value)}"
        tables.setdefault(tuple(groups), []).append(line)
    blocks = [
        "\n".join([f"[{'.'.join(_quoted(key) for key in table)}]", *lines]) for table, lines in sorted(tables.items())
    ]
    return "\n\n".join(blocks) + "\n"


def _paths(settings: ProxySettings) -> Iterator[Path]:
    for tenant in settings.tenants:
        for groups, names in _OF_TENANT.items():
            yield from (("tenants", tenant, *groups, name) for name in names)
    for groups, names in _GROUPS.items():
        yield from ((*groups, name) for name in names)


def _value(settings: ProxySettings, path: Path) -> Any:
    value: Any = settings
    for key in path:
        value = value[key] if isinstance(value, dict) else getattr(value, key)
    return value


def _edit(given: Any, known: set[Path], where: str) -> Edit:
    path = given.get("path") if isinstance(given, dict) else None
    if not isinstance(path, list) or not all(isinstance(key, str) for key in path) or tuple(path) not in known:
        raise InvalidRequest("path names no limit that can be edited: choose one of those listed", path=f"{where}/path")
    value = given.get("value")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InvalidRequest("value is no number: give one, or null for the default", path=f"{where}/value")
    return Edit(tuple(path), value)


def _number(value: float) -> str:
    whole = int(value)
    return f"{whole:_}" if whole == value else repr(value)


def _quoted(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else f'"{key}"'
