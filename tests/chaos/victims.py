"""Processes of a run that can be killed, and how each is found."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.fakes.running_up import alive, descendants

NAMES = ("api worker", "api", "proxy", "executor", "python worker", "driver", "datanode")
_LOADED_BYTES = 100 << 20
"""A process that shares a loaded Kiwi has at least so much memory."""
_EXECUTOR = "YarnCoarseGrainedExecutorBackend"
_DAEMON = "pyspark.daemon"


def kill(name, chance, *, stack, hadoop, driver):
    """Kill a process of a kind with -9; return its id, None if there is none at the moment."""
    if name == "datanode":
        number = hadoop.pids.get("datanode-2")
        if number is not None:
            hadoop.kill("datanode-2")
        return number
    if name == "driver":
        # spark-submit is a JVM, and the script's Python its child: a lost host takes both
        for pid in (driver, *descendants(driver)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return driver
    found = sorted(_FOUND[name](stack, hadoop))
    if not found:
        return None
    pid = chance.choice(found)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return pid


def _service(name):
    return lambda stack, _: {pid for pid in [stack.pid(name)] if alive(pid)}  # asked once: of two proxies it is either


def _api_workers(stack, _):
    below = descendants(stack.pid("api"))
    parents = {_parent(pid) for pid in below}
    return {pid for pid in below - parents if alive(pid) and _memory_bytes(pid) > _LOADED_BYTES}


def _executors(_, hadoop):
    below = descendants(hadoop.pids["nodemanager"])
    # the shell that started one has its command, too
    return {pid for pid in below if _EXECUTOR in _command(pid) and _name(pid) == "java"}


def _python_workers(_, hadoop):
    """Return the forks of the daemons: they have their command."""
    below = {pid for pid in descendants(hadoop.pids["nodemanager"]) if _DAEMON in _command(pid)}
    return {pid for pid in below if _parent(pid) in below}


_FOUND = {
    "api worker": _api_workers,
    "api": _service("api"),
    "proxy": _service("proxy"),
    "executor": _executors,
    "python worker": _python_workers,
}


def _command(pid):
    return _read(pid, "cmdline").replace("\0", " ")


def _name(pid):
    return _read(pid, "comm").strip()


def _parent(pid):
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def _memory_bytes(pid):
    pages = _read(pid, "statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def _read(pid, what):
    try:
        return Path(f"/proc/{pid}/{what}").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
