"""The process that loads the engine once and forks workers from it: `python -m nlpbatch.engine.forkserver`.

It speaks JSON lines on a Unix socket. To it: the engine's spec, then `{"fork": SLOT}` together with the file
descriptor of the new worker's channel. From it: `{"loaded": {…}}` or `{"failed": "…"}`, `{"forked": SLOT, "pid": N}`
or `{"refused": SLOT, "reason": "…"}`, and `{"exited": N, "status": S}`. When the other side closes the socket, it
kills its workers and ends.

It has one thread and must never have two: a fork copies only the thread that calls it.
"""

import argparse
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from typing import Any

import pyarrow as pa

from nlpbatch.engine import frames, worker
from nlpbatch.engine.encode import ENCODERS
from nlpbatch.engine.job import Job
from nlpbatch.engine.loading import check_one_thread, load
from nlpbatch.engine.protocol import Engine, EngineSpec
from nlpbatch.engine.scoreboard import NONE, Scoreboard
from nlpbatch.errors import ConfigError
from nlpbatch.wire.options.offered import trials

_MESSAGE_BYTES = 4096
_WARM_UP = "아버지가 방에 들어가신다. 형태소 분석기를 불러왔습니다."
_DECOMPOSED = "\u1100\u1161"  # the first such text builds a table, which takes half a second


class ForkServer:
    """Forks a worker for every request on the control socket and reports the end of each."""

    def __init__(self, control: socket.socket, scoreboard: Scoreboard, engine: Engine) -> None:
        self._control = control
        self._scoreboard = scoreboard
        self._engine = engine
        self._children: set[int] = set()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)

    def run(self) -> None:
        """Serve until the control socket is closed, then kill all workers."""
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while self._serve_once(selector):
                self._reap()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)

    def _serve_once(self, selector: selectors.BaseSelector) -> bool:
        ready = {key.fileobj for key, _ in selector.select()}
        if self._wake_read in ready:
            self._wake_read.recv(_MESSAGE_BYTES)
        if self._control not in ready:
            return True
        try:
            content, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 16)
        except ConnectionResetError:
            return False  # the pool died before it had read all our messages: also a closed socket
        for line, descriptor in zip(content.splitlines(), descriptors, strict=True):
            self._fork(json.loads(line)["fork"], descriptor)
        return bool(content)

    def _fork(self, slot: int, descriptor: int) -> None:
        self._scoreboard.write(slot, 0, NONE, 0)
        try:
            pid = os.fork()
        except OSError as error:
            os.close(descriptor)
            _send(self._control, {"refused": slot, "reason": error.strerror})
            return
        if not pid:
            self._become_worker(slot, descriptor)
        os.close(descriptor)
        self._children.add(pid)
        _send(self._control, {"forked": slot, "pid": pid})

    def _become_worker(self, slot: int, descriptor: int) -> None:
        """Serve as a worker; never returns into the forkserver's code."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for inherited in (self._control, self._wake_read, self._wake_write):
                inherited.close()
            with socket.socket(fileno=descriptor) as channel:
                worker.serve(self._engine, channel, self._scoreboard, slot)
            status = 0
        except (BrokenPipeError, ConnectionResetError):
            status = 0  # the pool is gone, and nothing reads the answer
        finally:
            os._exit(status)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._children.discard(pid)
            _send(self._control, {"exited": pid, "status": os.waitstatus_to_exitcode(status)})


def main() -> int:
    """Load the engine named on the control socket, then fork on request."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--scoreboard", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    arguments = parser.parse_args()
    # Ctrl-C reaches the whole terminal group, systemd's stop the whole control group: workers must finish what the
    # service still has to answer. The pool decides when they end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control = socket.socket(fileno=arguments.control)
    try:
        frame = frames.receive(control)
        if frame is None:
            return 0  # the pool is gone already
        spec = EngineSpec.from_json(frame[0])
        started_s = time.monotonic()
        engine = load(spec)
        _warm_up(engine)
        check_one_thread()
    except ConfigError as error:
        _send(control, {"failed": error.message})
        return 1
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it is, the pool reports it)
        _send(control, {"failed": f"{type(error).__name__}: {error}"})
        return 1
    _send(control, {"loaded": {"info": engine.info.to_json(), "load_s": time.monotonic() - started_s}})
    ForkServer(control, Scoreboard(arguments.scoreboard, arguments.slots), engine).run()
    return 0


def _warm_up(engine: Engine) -> None:
    """Analyse a text here, so that workers share the memory that the first analysis takes."""
    documents = pa.array([_WARM_UP.encode(), _DECOMPOSED.encode(), None], pa.binary())
    for encoding in ENCODERS:
        for options in trials(engine.info.operations):
            worker.run(engine, Job(0, encoding, options, documents, {}), lambda _: None)
    gc.collect()
    # Frozen objects are not visited by the collector, so their pages stay shared with the workers.
    gc.freeze()


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    # When the pool is gone, the next read returns nothing and ends this process.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        control.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
