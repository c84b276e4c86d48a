"""Reading TOML, where Python may be the 3.10 of a driver that has only the bundle."""

import sys
from collections.abc import Callable
from typing import Any

from nlpbatch.errors import ConfigError

__all__ = ["TOMLDecodeError", "parse_toml"]

_loads: Callable[[str], dict[str, Any]] | None
if sys.version_info >= (3, 11):  # noqa: UP036  (the bundle runs on older ones than pip installs nlpbatch on)
    import tomllib
    from tomllib import TOMLDecodeError

    _loads = tomllib.loads
else:
    try:
        import tomli
        from tomli import TOMLDecodeError

        _loads = tomli.loads
    except ImportError:
        TOMLDecodeError = ValueError
        _loads = None


def parse_toml(text: str) -> dict[str, Any]:
    """Return the members of a text.

    Raises:
        TOMLDecodeError: It isn't TOML.
        ConfigError: This Python can't read TOML.

    """
    if _loads is None:
        version = ".".join(map(str, sys.version_info[:2]))
        raise ConfigError(
            f"TOML needs Python 3.11 or newer, this is {version}: pip install tomli where the driver runs"
        )
    return _loads(text)
