"""What the supervisor hands its workers: a private directory with the configuration in force, and their sockets.

A worker never reads proxy.toml: one that is started while the file has faults gets the configuration that the others
have.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nlpbatch.errors import ConfigError
from nlpbatch.serving.settings import check
from proxy.config import ProxySettings

_LONGEST_SOCKET_PATH: Final = 107
"""Bytes in the address of a Unix socket, without its final zero: see unix(7)."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The configuration in force.

    Args:
        settings: Those in force, with what the workers share.
        generation: How many configurations have been in force, this one included.
        supervisor_pid: The supervisor's process id.

    """

    settings: ProxySettings
    generation: int
    supervisor_pid: int

    def write(self, directory: Path) -> None:
        """Replace the present one."""
        members = {
            "settings": self.settings.model_dump(mode="json"),
            "generation": self.generation,
            "supervisor_pid": self.supervisor_pid,
        }
        new = directory / "assignment.new"
        write_private(new, json.dumps(members))
        new.replace(directory / "assignment.json")

    @classmethod
    def read(cls, directory: Path) -> "Assignment":
        """Return the present one."""
        members = json.loads((directory / "assignment.json").read_text(encoding="utf-8"))
        settings = check(members.pop("settings"), ProxySettings, "the supervisor")
        return cls(settings, **members)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def supervisor_socket(directory: Path) -> Path:
    """Return where the supervisor answers its workers."""
    return directory / "supervisor.sock"


def worker_socket(directory: Path, number: int) -> Path:
    """Return where a worker answers the supervisor."""
    return directory / f"worker-{number}.sock"


def store_socket(directory: Path) -> Path:
    """Return where the workers' store listens."""
    return directory / "store.sock"


def check_socket_paths(directory: Path) -> None:
    """Refuse a directory with too long a path for sockets.

    Raises:
        ConfigError: It is too long.

    """
    longest = max(map(len, map(os.fsencode, (supervisor_socket(directory), worker_socket(directory, 999)))))
    if longest > _LONGEST_SOCKET_PATH:
        raise ConfigError(
            f"the path of a socket in {directory} has {longest} bytes, {_LONGEST_SOCKET_PATH} is the most: set TMPDIR "
            "to a directory with a shorter path"
        )
