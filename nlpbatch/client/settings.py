"""Checks the settings that a client is made with, before anything is sent."""

import re
from typing import Any, Final

from nlpbatch.errors import ConfigError

_PRIORITY: Final = re.compile(r"u=[0-7](, ?i(=\?[01])?)?")


def check_pool_size(pool_size: int) -> int:
    """Return the largest number of requests in flight at once.

    Raises:
        ConfigError: Not a whole number from 1.

    """
    if not isinstance(pool_size, int) or pool_size < 1:
        raise ConfigError(f"pool_size is {pool_size!r}: give a whole number from 1", option="pool_size")
    return pool_size


def header_value(name: str, value: Any, *, secret: bool = False) -> str:
    """Return the value of an argument that is sent in a header; a secret one isn't repeated in the error.

    Raises:
        ConfigError: Not a string of visible ASCII characters without quotes.

    """
    if not isinstance(value, str):
        raise ConfigError(f"{name} is a {type(value).__name__}: give a string", option=name)
    shown = "" if secret else f" {value[:80]!r}"
    if not value or not value.isascii() or not value.isprintable() or value != value.strip() or '"' in value:
        raise ConfigError(
            f"{name}{shown} can't be sent in an HTTP header: give visible ASCII characters without quotes", option=name
        )
    return value


def priority_value(value: Any) -> str:
    """Return a `Priority` header of RFC 9218.

    Raises:
        ConfigError: Not an urgency from u=0 to u=7.

    """
    if not isinstance(value, str) or not _PRIORITY.fullmatch(value):
        raise ConfigError(
            f"priority is {str(value)[:80]!r}: give an urgency of RFC 9218 from 'u=0' (most) to 'u=7' (least)",
            option="priority",
        )
    return value
