"""The pool with real processes, whose engine obeys its texts: what happens when one of them dies is no accident."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from nlpbatch.engine import forkserver_client
from nlpbatch.engine.documents import from_texts
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.pool import WorkerPool
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.errors import ConfigError, InternalError
from nlpbatch.wire.options import Options
from tests.fakes.running_api import PATIENCE_S, ROOT, alive, children
from tests.fakes.workers import CountingObserver

SPEC = EngineSpec("default")


@pytest.fixture(autouse=True)
def obedient(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(forkserver_client, "_COMMAND", (sys.executable, "-m", "tests.fakes.obedient_forkserver"))
    monkeypatch.setattr(forkserver_client, "_FIRST_PAUSE_S", 0.05)


@asynccontextmanager
async def running_pool(workers: int = 1) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(SPEC, PoolLimits(workers), CountingObserver())
    try:
        await pool.start()
        yield pool
    finally:
        before = [pool._forkserver.pid, *pids(pool)]
        await pool.stop()
        await eventually(lambda: not any(alive(pid) for pid in before))


def pids(pool: WorkerPool) -> list[int]:
    return [channel.pid for channel in pool._dispatcher.channels.values()]


async def codes(pool: WorkerPool, *texts: str) -> list[str | None]:
    answer = await pool.analyze(from_texts(texts), encoding="json", options=Options(fields=("form",)), urgent=True)
    outcomes = json.loads(b"[" + b",".join(answer.bodies) + b"]")
    return [outcome["error"] and outcome["error"]["code"] for outcome in outcomes]


async def eventually(condition) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


async def test_documents_that_kill_their_worker_fail_and_their_neighbours_do_not():
    async with running_pool() as pool:
        assert await codes(pool, "좋다", "!die", "좋다", "나쁘다 !die") == [None, "worker_died", None, "worker_died"]
        await eventually(lambda: pool.workers == 1)
        assert await codes(pool, "좋다") == [None]


async def test_a_forkserver_killed_while_a_worker_is_being_asked_for_has_its_successor_asked():
    async with running_pool() as pool:
        old, (worker,) = pool._forkserver.pid, pids(pool)
        os.kill(old, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        await eventually(lambda: pool._forkserver._forking)
        os.kill(old, signal.SIGKILL)
        assert await codes(pool, "좋다") == [None]
        assert pool._forkserver.pid != old


async def test_a_forkserver_that_does_not_come_back_is_tried_again_until_it_does(monkeypatch, caplog):
    async with running_pool() as pool:
        old, (worker,) = pool._forkserver.pid, pids(pool)
        started = forkserver_client._COMMAND
        monkeypatch.setattr(forkserver_client, "_COMMAND", ("/nonexistent",))
        os.kill(old, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        await eventually(lambda: pool.workers == 0)
        waiting = asyncio.create_task(codes(pool, "좋다"))
        await eventually(lambda: any("has no process" in getattr(record, "reason", "") for record in caplog.records))
        monkeypatch.setattr(forkserver_client, "_COMMAND", ("false",))
        await eventually(lambda: pool._forkserver.pid != old)
        monkeypatch.setattr(forkserver_client, "_COMMAND", started)
        assert await waiting == [None]


async def test_an_engine_that_was_changed_on_disk_meanwhile_gets_no_work(monkeypatch, caplog):
    async with running_pool(workers=2) as pool:
        monkeypatch.setenv("OBEDIENT_MODEL", "newer")
        os.kill(pool._forkserver.pid, signal.SIGKILL)
        await eventually(lambda: "forkserver not restarted" in caplog.text)
        (refusal,) = {record.reason for record in caplog.records if hasattr(record, "reason")}
        assert "fingerprint newer0000" in refusal
        assert "restart the service" in refusal
        assert await codes(pool, "좋다") == [None]  # the old workers go on
        monkeypatch.delenv("OBEDIENT_MODEL")
        os.kill(pids(pool)[0], signal.SIGKILL)
        await eventually(lambda: pool.workers == 1)
        await eventually(lambda: pool.workers == 2)


async def test_no_process_is_left_when_the_start_is_given_up():
    pool = WorkerPool(SPEC, PoolLimits(2), CountingObserver())
    starting = asyncio.create_task(pool.start())
    await eventually(lambda: pool._forkserver.pid)
    starting.cancel()
    await asyncio.wait([starting])
    began_s = time.monotonic()
    await pool.stop()
    assert time.monotonic() - began_s < 5
    assert not alive(pool._forkserver.pid)


@pytest.mark.parametrize(
    ("command", "error", "says"),
    [
        (("/nonexistent",), InternalError, "analyzer 'default' has no process: No such file or directory"),
        (("false",), ConfigError, "its process ended with status 1 while loading"),
        (("sh", "-c", "kill -9 $$"), ConfigError, "its process ended with status -9 while loading"),
    ],
)
async def test_a_start_that_fails_says_how(monkeypatch, command, error, says):
    monkeypatch.setattr(forkserver_client, "_COMMAND", command)
    pool = WorkerPool(SPEC, PoolLimits(1), CountingObserver())
    with pytest.raises(error, match=says):
        await pool.start()
    await pool.stop()
    assert pool._forkserver.pid not in children(os.getpid())


async def test_ended_workers_are_reaped_and_their_status_is_logged(caplog):
    caplog.set_level("WARNING")
    async with running_pool() as pool:
        (worker,) = pids(pool)
        os.kill(worker, signal.SIGKILL)
        await eventually(lambda: "worker ended" in caplog.text)
        (record,) = [record for record in caplog.records if record.message == "worker ended"]
        assert (record.pid, record.status) == (worker, -signal.SIGKILL)
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
