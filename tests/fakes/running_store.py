"""A real Redis or Valkey on a port of its own, which can be killed, stopped for a while and restarted empty."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class RunningStore:
    """One store process.

    Args:
        directory: For its files.
        options: Further options, such as `"--maxmemory", "2mb"`.

    """

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it listens."""
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            message = "needs Redis or Valkey: apt-get install redis-server"
            pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
        self._process = subprocess.Popen(
            [
                program,
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                *self._options,
            ],
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
        )
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError("the store did not start in 20 s")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Let it answer nothing until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self.kill()


@contextmanager
def running_store(directory: Path, *options: str) -> Iterator[RunningStore]:
    """Run a store; tests that need one are skipped where there is none, under CI they fail."""
    store = RunningStore(directory, *options)
    store.start()
    try:
        yield store
    finally:
        store.stop()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
