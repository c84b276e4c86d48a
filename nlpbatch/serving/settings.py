"""Reads a server's TOML file into frozen, validated values, or says all that is wrong with it at once."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from nlpbatch.errors import ConfigError


class Settings(BaseModel):
    """A group of settings: frozen, no unknown keys, defaults checked like given values."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


S = TypeVar("S", bound=Settings)


def load(path: Path, model: type[S]) -> S:
    """Return the settings in a TOML file.

    Raises:
        ConfigError: The file can't be read, is not TOML (with the line), or values are wrong: every one of them,
            each with its dotted key, the value and what to do.

    """
    return check(parse(path), model, str(path))


def read(path: Path | None, model: type[S], overrides: Mapping[tuple[str, str], Any]) -> S:
    """Return the settings in a file, or the defaults without one, with the command line's own on top.

    Args:
        path: The TOML file, if any.
        model: What to read it into.
        overrides: Values by (group, key); None stands for "not given".

    Raises:
        ConfigError: As for `load`.

    """
    members = parse(path) if path is not None else {}
    for (group, key), value in overrides.items():
        if value is not None and isinstance(members.setdefault(group, {}), dict):  # else `check` describes the fault
            members[group][key] = value
    return check(members, model, str(path or "command line"))


def parse(path: Path) -> dict[str, Any]:
    """Return the members of a TOML file.

    Raises:
        ConfigError: It can't be read, or is not TOML.

    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}: check the path given with --config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}: save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error


def check(members: Mapping[str, Any], model: type[S], source: str) -> S:
    """Return the settings that the members describe; `source` names them in errors.

    Raises:
        ConfigError: As for `load`.

    """
    try:
        return model.model_validate(dict(members))
    except ValidationError as error:
        faults = [_describe(fault, model) for fault in error.errors(include_url=False, include_context=True)]
        raise ConfigError("\n".join(f"{source}: {fault}" for fault in faults), faults=faults) from error


def _describe(fault: ErrorDetails, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key{_suggest(fault['loc'], model)}"
    if fault["type"] == "missing":
        return f"{key}: missing: set it"
    message = fault["msg"].removeprefix("Value error, ")
    if isinstance(fault["input"], str | int | float | bool):
        return f"{key} = {fault['input']!r}: {message}"
    return f"{key}: {message}"


def _suggest(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Return the nearest known key, looked up in the group the unknown one stands in."""
    group: Any = model
    for part in location[:-1]:
        field = getattr(group, "model_fields", {}).get(part)
        # In dict[Name, Group], list[Group] and tuple[Group, ...] the next part is a name or a position.
        group = field.annotation if field is not None else _item_type(group)
    known = list(getattr(group, "model_fields", {}))
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    if near:
        return f": did you mean {near[0]}?"
    return f": choose from {', '.join(known)}" if known else ": remove it"


def _item_type(collection: Any) -> Any:
    types = [type_ for type_ in get_args(collection) if type_ is not Ellipsis]
    return types[-1] if types else None
