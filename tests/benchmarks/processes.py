"""Processes of the product for benchmarks: started, ready, and stopped at the end."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3

Process = subprocess.Popen[bytes]


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@contextmanager
def running(*arguments: str) -> Iterator[Process]:
    """Run `nlpbatch` with these arguments for the time of the context."""
    with started(sys.executable, "-m", "nlpbatch", *arguments) as process:
        yield process


@contextmanager
def started(*command: str) -> Iterator[Process]:
    """Run a command for the time of the context."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_ready(url: str, process: Process, timeout_s: float = 60.0) -> None:
    """Return once `/readyz` says so."""
    deadline_s = time.monotonic() + timeout_s
    with urllib3.PoolManager(retries=False) as http:
        while time.monotonic() < deadline_s and process.poll() is None:
            try:
                if http.request("GET", f"{url}/readyz", timeout=2.0).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.05)
    raise SystemExit(f"{url} was not ready within {timeout_s:g} s")
