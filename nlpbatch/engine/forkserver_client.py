"""The pool's side of the forkserver: starts it, restarts it when it dies, and requests workers from it."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nlpbatch.engine import frames
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.protocol import EngineInfo, EngineSpec
from nlpbatch.engine.scoreboard import Scoreboard
from nlpbatch.errors import ConfigError, InternalError

_log = logging.getLogger("nlpbatch.engine")
_COMMAND: Final = (sys.executable, "-m", "nlpbatch.engine.forkserver")
_ENVIRONMENT: Final = {
    # One thread only, because a fork copies the locks that other threads hold: those of numpy's BLAS, and of an
    # allocator of Arrow's.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_MESSAGE_BYTES: Final = 65_536
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Forked:
    """A new worker and the pool's end of its channel."""

    pid: int
    channel: socket.socket


class ForkServerClient:
    """Keeps a forkserver running, which holds one loaded engine.

    Args:
        spec: The engine to load.
        scoreboard: The workers write there which document they are on.
        slots: Largest number of workers.
        on_exit: Called with the process id and exit status of each worker that has ended.
        load_s: Largest time of loading, in seconds.

    Workers survive the death of their forkserver; new ones are forked once its successor has loaded the engine.
    """

    def __init__(
        self,
        spec: EngineSpec,
        scoreboard: Scoreboard,
        slots: int,
        on_exit: Callable[[int, int], None] = lambda *_: None,
        load_s: float = PoolLimits(1).load_s,
    ) -> None:
        self._spec = spec
        self._load_s = load_s
        self._on_exit = on_exit
        self._scoreboard = scoreboard
        self._slots = slots
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._forking: dict[int, asyncio.Future[int]] = {}
        self._loaded = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self.info: EngineInfo | None = None
        self.pid = 0

    async def start(self) -> EngineInfo:
        """Start the forkserver and return the engine that it loaded, after 1.5 to 8 s.

        Raises:
            ConfigError: The engine refuses the analyzer's settings.
            InternalError: The system has no room for another process.

        """
        info = await self._load()
        self.info = info
        self._supervisor = asyncio.create_task(self._supervise(), name=f"forkserver {self._spec.name}")
        return info

    async def fork(self, slot: int) -> Forked:
        """Return a new worker for the slot; waits while the forkserver is being replaced.

        Raises:
            OSError: The forkserver died meanwhile, or there is no room for another process: try again.

        """
        await self._loaded.wait()
        if self._control is None:
            raise ConnectionError
        ours, theirs = socket.socketpair()
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._forking[slot] = answer
        try:
            with theirs:
                socket.send_fds(self._control, [json.dumps({"fork": slot}).encode() + b"\n"], [theirs.fileno()])
            pid = await answer
        except BaseException:
            ours.close()
            raise
        finally:
            self._forking.pop(slot, None)
        ours.setblocking(False)
        return Forked(pid, ours)

    async def stop(self) -> None:
        """End the forkserver and with it all workers."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        self._close_control()
        if self._process is not None:
            if not self._loaded.is_set():
                self._process.kill()  # a loading process would notice the closed socket only at the end of its load
            await self._reap()

    async def _load(self) -> EngineInfo:
        """Start a process and return the engine that it loaded."""
        try:
            control = self._start_process()
        except OSError as error:
            raise InternalError(
                f"analyzer {self._spec.name!r} has no process: {error.strerror}: raise the limits of this service"
            ) from error
        self._control = control
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._load_s):
                await loop.sock_sendall(control, frames.pack(self._spec.to_json(), b""))
                content = await _receive_line(control)
        except ConnectionError:
            content = b""
        except TimeoutError as error:
            await self._give_up()
            raise ConfigError(
                f"analyzer {self._spec.name!r} can't be loaded: it took longer than {self._load_s:g} s: see what its "
                "load, or its first text, waits for, or raise pool.load_s"
            ) from error
        message: dict[str, Any] = json.loads(content) if content else {"failed": await self._exit_report()}
        if "failed" in message:
            self._close_control()
            raise ConfigError(f"analyzer {self._spec.name!r} can't be loaded: {message['failed']}")
        loaded: dict[str, Any] = message["loaded"]
        info = EngineInfo.from_json(loaded["info"])
        about = {
            "engine": info.engine,
            "model": info.model,
            "fingerprint": info.fingerprint,
            "load_s": loaded["load_s"],
        }
        _log.info("engine loaded", extra={"analyzer": self._spec.name} | about)
        self._loaded.set()
        return info

    def _start_process(self) -> socket.socket:
        """Start a process and return our end of its control socket."""
        ours, theirs = socket.socketpair()
        descriptors = ("--control", str(theirs.fileno()), "--scoreboard", str(self._scoreboard.fd))
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [*_COMMAND, *descriptors, "--slots", str(self._slots)],
                    pass_fds=(theirs.fileno(), self._scoreboard.fd),
                    stdin=subprocess.DEVNULL,
                    env=os.environ | _ENVIRONMENT,
                )
        except BaseException:
            ours.close()
            raise
        self.pid = self._process.pid
        ours.setblocking(False)
        return ours

    async def _give_up(self) -> None:
        """End a process that hangs while it loads."""
        self._close_control()
        if self._process is not None:
            self._process.kill()
        await self._reap()

    async def _exit_report(self) -> str:
        await self._reap()
        status = self._process.returncode if self._process is not None else None
        return f"its process ended with status {status} while loading (-9: is there 1 GB of free memory?)"

    async def _supervise(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            if self._control is not None:
                await self._listen(self._control)
                pause_s = _FIRST_PAUSE_S
                self._on_lost()
            await self._reap()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            try:
                self._check_unchanged(await self._load())
            except (ConfigError, InternalError) as error:
                self._loaded.clear()
                self._close_control()
                _log.error("forkserver not restarted", extra={"reason": error.message, "next_try_s": pause_s})

    async def _listen(self, control: socket.socket) -> None:
        """Handle the messages of the forkserver until it closes the socket."""
        loop = asyncio.get_running_loop()
        rest = b""
        with contextlib.suppress(ConnectionError):
            while content := await loop.sock_recv(control, _MESSAGE_BYTES):
                *lines, rest = (rest + content).split(b"\n")
                for line in lines:
                    self._handle_message(json.loads(line))

    def _handle_message(self, message: dict[str, Any]) -> None:
        if "forked" in message:
            answer = self._forking.get(message["forked"])
            if answer is not None and not answer.done():
                answer.set_result(message["pid"])
        elif "refused" in message:
            _log.error("no room for a worker", extra={"slot": message["refused"], "reason": message["reason"]})
            answer = self._forking.get(message["refused"])
            if answer is not None and not answer.done():
                answer.set_exception(OSError(message["reason"]))
        else:
            if message["status"]:
                _log.warning("worker ended", extra={"pid": message["exited"], "status": message["status"]})
            self._on_exit(message["exited"], message["status"])

    def _on_lost(self) -> None:
        _log.error("forkserver died", extra={"analyzer": self._spec.name, "pid": self.pid})
        self._loaded.clear()
        self._close_control()
        for answer in self._forking.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the forkserver died"))

    async def _reap(self) -> None:
        """Wait for the end of a process that has closed its socket, or whose socket we have closed."""
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)

    def _check_unchanged(self, info: EngineInfo) -> None:
        """Refuse an engine that was changed on disk under the running service: no output may mix two versions."""
        if self.info is not None and info.fingerprint != self.info.fingerprint:
            raise InternalError(
                f"the installed engine now has fingerprint {info.fingerprint}, this service runs with "
                f"{self.info.fingerprint}: restart the service"
            )

    def _close_control(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


async def _receive_line(control: socket.socket) -> bytes:
    """Return the first message, empty if the other side has closed the socket; nothing follows it before a fork."""
    content = b""
    while not content.endswith(b"\n"):
        more = await asyncio.get_running_loop().sock_recv(control, _MESSAGE_BYTES)
        if not more:
            return b""
        content += more
    return content
