"""Secrets that programs share, from a file or from the environment; never from a configuration file itself."""

import os
from pathlib import Path
from typing import Final

from nlpbatch.errors import ConfigError

MIN_SECRET: Final = 16
REGISTRATION_VARIABLE: Final = "NLPBATCH_REGISTRATION_SECRET"
"""Has the secret with which APIs register at proxies, where no file is named."""
ADMIN_KEY_VARIABLE: Final = "NLPBATCH_ADMIN_KEY"
"""Has the key of a proxy's admin listener, for the proxy where no file is named, and for commands that ask it."""


def read_secret(path: str | None, key: str, variable: str) -> str | None:
    """Return a secret, None without one.

    Args:
        path: The file that has it, if any.
        key: What names the file, for messages.
        variable: The environment's, where there is no file.

    Raises:
        ValueError: The file can't be read, or the secret has under 16 characters, or others than printable ASCII.

    """
    found = read_secret_file(path, key) if path is not None else os.environ.get(variable, "").strip()
    if path is None and not found:
        return None
    if len(found) < MIN_SECRET:
        raise ValueError(
            f"the secret has {len(found)} characters, at least {MIN_SECRET} are needed: make one with "
            "openssl rand -hex 32"
        )
    if not (found.isascii() and found.isprintable()):
        raise ValueError(
            f"{key} has characters that no header carries, such as line breaks: make one with openssl rand -hex 32"
        )
    return found


def admin_authorization() -> dict[str, str]:
    """Return the header with which the environment's key opens a proxy's admin listener; nothing without a key.

    Raises:
        ConfigError: No header carries it.

    """
    key = os.environ.get(ADMIN_KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"${ADMIN_KEY_VARIABLE} has characters that no header carries: set it to the proxy's key")
    return {"Authorization": f"Bearer {key}"} if key else {}


def read_secret_file(path: str, key: str) -> str:
    """Return what a file holds, without blanks around it; `key` names it in messages.

    Raises:
        ValueError: It can't be read.

    """
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ValueError(f"{key} {path} can't be read: {reason}: check the path and who may read it") from error
