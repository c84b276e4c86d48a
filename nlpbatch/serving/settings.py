"""Reads a server's TOML file into frozen, validated values, or reports all its faults at once."""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nlpbatch.errors import ConfigError
from nlpbatch.serving.faults import describe
from nlpbatch.serving.toml_lines import KeyPath, line_of, lines_of


class Settings(BaseModel):
    """A group of settings: frozen, no unknown keys, defaults checked like given values."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


S = TypeVar("S", bound=Settings)
_Key = TypeVar("_Key", bound=tuple[str, ...])
_Locate = Callable[[KeyPath], tuple[str, int | None]]
"""Returns the source and the line of a fault."""
_COMMAND_LINE: Final = "command line"


def load(path: Path, model: type[S]) -> S:
    """Return the settings in a TOML file.

    Raises:
        ConfigError: The file can't be read, is not TOML, or values are wrong: every one of them, each with file, line,
            dotted key, the value and the remedy. `details["faults"]` has them one by one.

    """
    return read(path, model, {})


def read(path: Path | None, model: type[S], overrides: Mapping[_Key, Any]) -> S:
    """Return the settings in a file, or the defaults without one, with the command line's own on top.

    Args:
        path: The TOML file, if any.
        model: Type of the values.
        overrides: Values by their keys, from the outermost on; None means "not given".

    Raises:
        ConfigError: As for `load`; values of the command line are named as such.

    """
    members = {} if path is None else parse(path)
    given = {key: value for key, value in overrides.items() if value is not None}
    for key, value in given.items():
        _put(members, key, value)
    if path is None:
        return check(members, model, _COMMAND_LINE)
    return _checked(members, model, lambda: _locating(path, given))


def parse(path: Path) -> dict[str, Any]:
    """Return the members of a TOML file.

    Raises:
        ConfigError: It can't be read, or is not TOML.

    """
    text = _text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at line (\d+),", str(error))
        place = f"{path}:{line[1]}" if line else str(path)
        raise ConfigError(f"{place}: not TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: arrays or tables are nested too deeply: flatten them") from error


def lines_in(path: Path) -> dict[KeyPath, int]:
    """Return the lines of a TOML file's keys and tables; none if it can't be read any more."""
    try:
        return lines_of(_text(path))
    except ConfigError:
        return {}


def check(members: Mapping[str, Any], model: type[S], source: str, lines: Mapping[KeyPath, int] | None = None) -> S:
    """Return the settings that the members describe; errors name the source, and lines if they are given.

    Raises:
        ConfigError: As for `load`.

    """
    return _checked(members, model, lambda: lambda location: (source, line_of(location, lines or {})))


def _checked(members: Mapping[str, Any], model: type[S], locating: Callable[[], _Locate]) -> S:
    try:
        return model.model_validate(dict(members))
    except ValidationError as error:
        locate = locating()
        found = [(*locate(fault["loc"]), describe(fault, model)) for fault in error.errors(include_url=False)]
        found.sort(key=lambda fault: fault[1] or 0)
        faults = [
            f"{source}: {fault}" if line is None else f"{source}:{line}: {fault}" for source, line, fault in found
        ]
        raise ConfigError("\n".join(faults), faults=faults) from error


def _locating(path: Path, given: Mapping[_Key, Any]) -> _Locate:
    """Return the function that finds the line of a fault; it reads the file again, because only faults need lines."""
    lines = lines_in(path)

    def locate(location: KeyPath) -> tuple[str, int | None]:
        if any(location[: len(key)] == key for key in given):
            return _COMMAND_LINE, None
        return str(path), line_of(location, lines)

    return locate


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}: check the path given with --config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}: save it as UTF-8") from error


def _put(members: dict[str, Any], key: tuple[str, ...], value: Any) -> None:
    *groups, name = key
    within: Any = members
    for group in groups:
        within = within.setdefault(group, {})
        if not isinstance(within, dict):
            return  # the file has something else than a group there, which is a fault
    within[name] = value
