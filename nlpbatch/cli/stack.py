"""API and proxy as child processes on loopback, for `nlpbatch up` and the demo."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

import urllib3

from nlpbatch.errors import ConfigError, ServiceTimeout, ServiceUnreachable
from nlpbatch.serving.child import Child

_HOST: Final = "127.0.0.1"
_LAST_PORT: Final = 65535
_START_TIMEOUT_S: Final = 120.0
_STOP_TIMEOUT_S: Final = 35.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class StackOptions:
    """The settings of API and proxy.

    Args:
        port: The proxy's port; 0 takes a free one.
        api_port: The API's port; 0 takes a free one.
        workers: Worker processes; 0 takes one per core.
        server_config: A server.toml instead of the defaults.
        proxy_config: A proxy.toml instead of one with a single tenant, a new key and a ledger in a temporary directory.
        verbose: Whether the processes log every request.
        processes: Of the proxy, which share its port.
    """

    port: int = 0
    api_port: int = 0
    workers: int = 0
    server_config: Path | None = None
    proxy_config: Path | None = None
    verbose: bool = False
    processes: int = 1


@dataclass(slots=True)
class Stack:
    """Both processes, started by entering and stopped by leaving the context; `tend` restarts them when they die.

    Raises:
        ServiceUnreachable: A process ended while starting; its own message is on stderr.
        ServiceTimeout: They were not ready within two minutes.

    """

    options: StackOptions
    service: str = ""
    api: str = ""
    api_key: str | None = field(default=None, repr=False)
    ledger: Path | None = None
    """Where the proxy counts usage; None if `proxy_config` says so."""
    admin: str = ""
    """Where the proxy's operator asks it."""
    _children: dict[str, Child] = field(default_factory=dict)
    _directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Start both and return once they are ready."""
        self._directory = tempfile.TemporaryDirectory(prefix="nlpbatch-")
        try:
            self._start(Path(self._directory.name))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both; the proxy first, so that no request goes to an API that has ended."""
        self._stop()

    def ended(self) -> str | None:
        """Return the name of a process that has ended, None while both run."""
        return next((name for name, child in self._children.items() if child.ended), None)

    def tend(self) -> Iterator[str]:
        """Restart a process that has died, on the same port, with the same keys; yield messages for the user.

        Call it regularly. The pauses before restarts of a process that keeps dying grow.
        """
        for child in self._children.values():
            if (said := child.tend(time.monotonic())) is not None:
                yield said

    def pid(self, name: str) -> int:
        """Return the process id of "api" or "proxy"."""
        return self._children[name].pid

    def _start(self, directory: Path) -> None:
        options = self.options
        api_port, _ = _ports(options)
        self.api = f"http://{_HOST}:{api_port}"
        level = "info" if options.verbose else "warning"
        server = [
            "--config",
            str(options.server_config or _write(directory / "server.toml", f'log_level = "{level}"\n')),
        ]
        if options.workers:
            server += ["--workers", str(options.workers)]
        self._spawn("api", "serve", *server, *_listen(api_port))
        if options.proxy_config is None:  # a given one may have faults, which show at once if it starts meanwhile
            self._wait_ready("api", self.api)  # else the proxy would warn of an API that is loading Kiwi
        proxy = options.proxy_config or self._write_proxy_config(directory, level)
        # Free ports found before the API was ready may be taken by now.
        with _hold(options.port, "--port") as held, _hold(0, "--port") as admin:
            port, admin_port = int(held.getsockname()[1]), int(admin.getsockname()[1])
        self.service, self.admin = f"http://{_HOST}:{port}", f"http://{_HOST}:{admin_port}"
        self._spawn(
            "proxy",
            "proxy",
            "serve",
            "--config",
            str(proxy),
            *_listen(port),
            "--admin-port",
            str(admin_port),
            "--processes",
            str(options.processes),
            "--backend",
            self.api,
        )
        for name, url in (("api", self.api), ("proxy", self.service)):
            self._wait_ready(name, url)

    def _write_proxy_config(self, directory: Path, level: str) -> Path:
        """Write a configuration with one tenant, a new key, and a ledger that lasts as long as the stack."""
        from proxy.keys import make_key  # noqa: PLC0415  (needs the proxy extra)

        self.api_key, entry = make_key()
        self.ledger = directory / "ledger"
        lines = (
            f'log_level = "{level}"',
            "[[backends]]",
            f'url = "{self.api}"',
            "[ledger]",
            f"directory = {json.dumps(str(self.ledger))}",
            "[tenants.local]",
            f"keys = [{json.dumps(entry)}]",
        )
        return _write(directory / "proxy.toml", "\n".join(lines) + "\n")

    def _spawn(self, name: str, *arguments: str) -> None:
        child = self._children[name] = Child(name, arguments)
        child.start(time.monotonic())

    def _wait_ready(self, name: str, url: str) -> None:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        with urllib3.PoolManager(retries=False) as http:
            while time.monotonic() < deadline_s:
                if (ended := self.ended()) is not None:
                    raise ServiceUnreachable(f"the {ended} ended while starting: see its own message above")
                try:
                    if http.request("GET", f"{url}/readyz", timeout=2.0).status == 200:  # noqa: PLR2004
                        return
                except urllib3.exceptions.HTTPError:
                    pass  # not listening yet
                time.sleep(_POLL_S)
        raise ServiceTimeout(f"the {name} was not ready at {url} within {_START_TIMEOUT_S:.0f} s: try --verbose")

    def _stop(self) -> None:
        try:
            for name in ("proxy", "api"):
                if (child := self._children.get(name)) is not None:
                    child.stop(_STOP_TIMEOUT_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            pass  # too slow, or a second Ctrl-C: the rest is killed
        finally:
            for child in self._children.values():
                child.kill()  # does nothing to one that has ended
            if self._directory is not None:
                self._directory.cleanup()


def _write(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def _listen(port: int) -> tuple[str, ...]:
    return "--host", _HOST, "--port", str(port)


def _ports(options: StackOptions) -> tuple[int, int]:
    """Return the wanted ports if they are free, and free ones for 0.

    Raises:
        ConfigError: One can't be had, or both are the same.

    """
    # Both are held until both are known: else the system may give the same one twice.
    with _hold(options.api_port, "--api-port") as api, _hold(options.port, "--port") as proxy:
        return int(api.getsockname()[1]), int(proxy.getsockname()[1])


def _hold(wanted: int, option: str) -> socket.socket:
    if not 0 <= wanted <= _LAST_PORT:
        raise ConfigError(f"port {wanted} is not 0 to {_LAST_PORT}: choose another with {option}")
    try:
        return socket.create_server((_HOST, wanted))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigError(f"port {wanted} can't be used ({reason}): choose another with {option}") from error


def stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP (a closed terminal) end this process as Ctrl-C does, which leaves no child behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
