"""A store for the workers of one host, where no other is configured: Redis or Valkey on a Unix socket.

It holds what is true for as long as the workers run: nothing of it is written to disk. Only this user can reach it, by
the directory's and the socket's permissions; it has no TCP port.
"""

import asyncio
import logging
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from nlpbatch.errors import ConfigError
from nlpbatch.serving.child import Child
from proxy.config_shared import SharedSettings
from proxy.host.assignment import store_socket, write_private

_PROGRAMS: Final = ("valkey-server", "redis-server")
_START_TIMEOUT_S: Final = 10.0
_STOP_TIMEOUT_S: Final = 5.0
_LOOK_S: Final = 0.02
_FIRST_PAUSE_S: Final = 0.1
_log = logging.getLogger("nlpbatch.proxy")


class HostStore:
    """The store's process; `start` it, `tend` it regularly, `stop` at the end.

    Args:
        directory: The supervisor's, which nobody else can enter.
        program: Path of `redis-server` or `valkey-server`.

    """

    def __init__(self, directory: Path, program: str) -> None:
        self._directory = directory
        self._socket = store_socket(directory)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "600",
            "dir": str(directory),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "logfile": str(directory / "store.log"),
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._child = Child(
            "store",
            (str(os.getpid()), program, *arguments),
            module="nlpbatch.serving.tied",
            first_pause_s=_FIRST_PAUSE_S,
        )

    @property
    def pid(self) -> int:
        """Return the id of its process."""
        return self._child.pid

    async def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            ConfigError: It doesn't.

        """
        self._child.start(time.monotonic())
        until_s = time.monotonic() + _START_TIMEOUT_S
        while not await self._answers():
            if self._child.ended or time.monotonic() > until_s:
                raise ConfigError(f"the workers' store did not start ({self._last_words()}): set shared.url to another")
            await asyncio.sleep(_LOOK_S)

    def tend(self) -> None:
        """Start it again, empty, if it has died."""
        if (said := self._child.tend(time.monotonic())) is not None:
            _log.warning("store", extra={"what": said, "last_words": self._last_words()})

    async def stop(self) -> None:
        """End it."""
        self._child.terminate()
        until_s = time.monotonic() + _STOP_TIMEOUT_S
        while not self._child.ended and time.monotonic() < until_s:  # noqa: ASYNC110  (there is no event for it)
            await asyncio.sleep(_LOOK_S)
        await asyncio.to_thread(self._child.kill)

    def settings(self, shared: SharedSettings, processes: int) -> SharedSettings:
        """Return how the workers reach it.

        Args:
            shared: What is configured otherwise.
            processes: How many workers there are: so many divide the limits while it is away.

        """
        secret = self._directory / "secret"
        write_private(secret, secrets.token_hex(32))
        return shared.model_copy(
            update={
                "url": f"unix://{quote(str(self._socket))}",
                "username": None,
                "password_file": None,
                "secret_file": str(secret),
                "expected_proxies": shared.expected_proxies or processes,
            }
        )

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()

    def _last_words(self) -> str:
        try:
            lines = (self._directory / "store.log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return next((line for line in reversed(lines) if line.strip()), "")


def find_program() -> str | None:
    """Return the path of a store's program; None if there is none on PATH."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)
