"""Composition root of a host's proxy: one supervisor, its workers on one port, and the store that they share."""

import asyncio
import logging
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from nlpbatch.errors import ConfigError, ServiceTimeout, ServiceUnreachable
from nlpbatch.serving import logs
from nlpbatch.serving.lifecycle import running_when_free
from nlpbatch.serving.notify import notify_ready
from nlpbatch.serving.reuse_port import check_supported, reserved
from proxy.config import ProxySettings
from proxy.host.assignment import check_socket_paths, supervisor_socket
from proxy.host.listeners import operators_application, running_on_socket, workers_application
from proxy.host.store import HostStore, find_program
from proxy.host.supervisor import Supervisor
from proxy.host.workers import Worker
from proxy.reload import reload_forever

MAX_PROCESSES: Final = 256
_TEND_S: Final = 0.05
_COUNT_S: Final = 1.0
"""How often workers are asked for their counts: one that is killed takes at most so much of them with it."""
_START_TIMEOUT_S: Final = 60.0
_STOP_MARGIN_S: Final = 5.0
_log = logging.getLogger("nlpbatch.proxy")


def process_count(text: str) -> int:
    """Return how many workers `--processes` asks for; `auto` is one for each core that this process may use.

    Raises:
        ConfigError: It isn't a number from 1 to 256, or `auto`.

    """
    if text == "auto":
        available = getattr(os, "sched_getaffinity", None)
        return min(len(available(0)) if available is not None else os.cpu_count() or 1, MAX_PROCESSES)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_PROCESSES:
        raise ConfigError(f"--processes {text[:20]} is not 1 to {MAX_PROCESSES}, or auto: choose one per core at most")
    return int(text)


async def run_host(read: Callable[[], ProxySettings], path: Path, processes: int) -> None:
    """Serve with several workers until told to stop; have them take over the file when it changes.

    Args:
        read: Returns the settings in the file.
        path: The file.
        processes: How many workers, from 2.

    Raises:
        ConfigError: The settings are wrong or don't fit several processes, or an address can't be bound.
        ServiceUnreachable: A worker ended before any had started.
        ServiceTimeout: The workers were not ready in time.

    """
    check_supported(f"--processes {processes}")
    settings = read()
    logs.configure(settings.log_level)
    program = _check(settings, processes)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        port = stack.enter_context(reserved(settings.listen.host, settings.listen.port))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nlpbatch-proxy-")))
        check_socket_paths(directory)
        shared, store = settings.shared, None
        if program is not None:
            store = await stack.enter_async_context(_running_store(directory, program))
            shared = store.settings(shared, processes)
        workers = [Worker(directory, number) for number in range(1, processes + 1)]
        supervisor = Supervisor(settings, workers, directory, port=port, shared=shared)
        await stack.enter_async_context(
            running_on_socket(workers_application(supervisor), supervisor_socket(directory))
        )
        await stack.enter_async_context(_running_workers(supervisor))
        await _serve(supervisor, store, stop, lambda: reload_forever(supervisor, path, read))


def _check(settings: ProxySettings, processes: int) -> str | None:
    """Return the program of the store to start, None if one is configured.

    Raises:
        ConfigError: The settings don't fit several processes.

    """
    if settings.peer.port or settings.peer.advertise is not None:
        raise ConfigError(
            f"peer.port {settings.peer.port} or peer.advertise with --processes {processes}: each process has a port "
            "of its own there: leave both out, and let peer.host be an address that the other hosts reach"
        )
    if settings.shared.url is not None:
        return None
    program = find_program()
    if program is None:
        raise ConfigError(
            f"--processes {processes} without shared.url needs Redis or Valkey for what the processes share, and "
            "neither valkey-server nor redis-server is on PATH: install one (apt-get install redis-server), set "
            "shared.url, or leave --processes out"
        )
    return program


@asynccontextmanager
async def _running_store(directory: Path, program: str) -> AsyncIterator[HostStore]:
    store = HostStore(directory, program)
    try:
        await store.start()
        yield store
    finally:
        await store.stop()


@asynccontextmanager
async def _running_workers(supervisor: Supervisor) -> AsyncIterator[None]:
    """Start the workers; at the end let them hand over, and end those that take longer than configured."""
    try:
        for worker in supervisor.workers:
            worker.start()
            supervisor.started(worker)
        yield
    finally:
        supervisor.draining = True
        for worker in supervisor.workers:
            worker.terminate()
        await _ended(supervisor.workers, supervisor.settings.listen.drain_timeout_s + _STOP_MARGIN_S)
        for worker in supervisor.workers:
            await worker.close()


async def _ended(workers: Sequence[Worker], timeout_s: float) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + timeout_s
    while not all(worker.ended for worker in workers) and loop.time() < until_s:  # noqa: ASYNC110  (no event for it)
        await asyncio.sleep(_TEND_S)


async def _serve(
    supervisor: Supervisor,
    store: HostStore | None,
    stop: asyncio.Event,
    reloading: Callable[[], Coroutine[None, None, None]],
) -> None:
    """Wait for the workers, then tend them until told to stop."""
    stopping = asyncio.create_task(stop.wait(), name="stop")
    tasks: list[asyncio.Task[Any]] = [stopping]
    try:
        if not await _joined(supervisor, stop):
            return
        admin = supervisor.settings.admin
        operator = running_when_free(operators_application(supervisor), admin, "admin")
        async with operator if admin.enabled else nullcontext():
            notify_ready()
            _log.info("serving", extra={"processes": len(supervisor.workers), "pid": os.getpid()})
            tasks.append(asyncio.create_task(reloading(), name="reload"))
            tasks.append(asyncio.create_task(_tend(supervisor, store), name="tend"))
            tasks.append(asyncio.create_task(_count(supervisor), name="count"))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # only the order to stop ends without a defect
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _joined(supervisor: Supervisor, stop: asyncio.Event) -> bool:
    """Wait until all workers have joined; return whether they have, and not been told to stop before.

    Once one has joined, another that ends is replaced: it isn't the configuration's fault.

    Raises:
        ServiceUnreachable: One has ended before any had joined.
        ServiceTimeout: It took too long.

    """
    loop = asyncio.get_running_loop()
    until_s, one_joined = loop.time() + _START_TIMEOUT_S, False
    while not all(worker.current for worker in supervisor.workers):
        if stop.is_set():
            return False
        one_joined = one_joined or any(worker.current for worker in supervisor.workers)
        if one_joined:
            _replace_ended(supervisor)
        elif any(worker.ended for worker in supervisor.workers):
            raise ServiceUnreachable("a worker ended while it was started: see its own message above")
        if loop.time() > until_s:
            raise ServiceTimeout(f"the workers did not start within {_START_TIMEOUT_S:.0f} s: start fewer processes")
        await asyncio.sleep(_TEND_S)
    return True


async def _tend(supervisor: Supervisor, store: HostStore | None) -> None:
    """Replace workers that die, and the store; never returns."""
    while True:
        await asyncio.sleep(_TEND_S)
        if store is not None:
            store.tend()
        _replace_ended(supervisor)


def _replace_ended(supervisor: Supervisor) -> None:
    """Start the workers again that have died, each after its pause."""
    for worker in supervisor.workers:
        if worker.ended:
            supervisor.ended(worker)
        if worker.tend():
            supervisor.started(worker, again=True)


async def _count(supervisor: Supervisor) -> None:
    """Keep the workers' counts, and bring those up to date that have missed something; never returns."""
    while True:
        await asyncio.sleep(_COUNT_S)
        await supervisor.count()
        await supervisor.catch_up()
