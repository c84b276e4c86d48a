"""The real process, as an operator starts and stops it."""

import asyncio
import json
import re
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.fakes.backend import FakeBackend, answer, hang, held

SECRET_TEXT = "비밀스러운 문장".encode()


@dataclass
class Process:
    """A proxy in its own process; `errors` is its stderr so far."""

    child: asyncio.subprocess.Process
    key: str
    entry: str
    url: str = ""
    errors: list[str] = field(default_factory=list)

    async def logged(self, event):
        """Read the log up to an event, and return that."""
        async with asyncio.timeout(20):
            async for line in self.child.stderr:
                self.errors.append(line.decode())
                if line.startswith(b"{") and (members := json.loads(line))["event"] == event:
                    return members
        raise AssertionError(f"ended without {event}: {self.errors}")

    async def ended(self):
        """Return the exit code, once the rest of the log is read."""
        async with asyncio.timeout(20):
            self.errors += (await self.child.stderr.read()).decode().splitlines()
            return await self.child.wait()


async def run(*arguments):
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nlpbatch", "proxy", *arguments, stdout=pipe, stderr=pipe
    )


@asynccontextmanager
async def serving(backend, directory, *, in_flight=1, drain_timeout_s=10.0):
    """Make a key, write a configuration with the lines that were printed, and serve it."""
    maker = await run("key", "--tenant", "home")
    key, table = (text.decode() for text in await maker.communicate())
    (entry,) = re.findall(r'keys = \["(.*)"\]', table)
    file = directory / "proxy.toml"
    file.write_text(
        f'[concurrency]\npolicy = "fixed"\nper_worker = {in_flight / 2}\n[classes.interactive]\nextra_slots = 0\n'
        f"[admin]\nenabled = false\n[listen]\ndrain_timeout_s = {drain_timeout_s}\n"
        f'[upstream]\nhealth_period_s = 0.05\n[[backends]]\nurl = "{backend.url}"\n{table[table.index("[tenants") :]}\n'
    )
    process = Process(await run("serve", "--config", str(file), "--port", "0"), key.strip(), entry)
    try:
        process.url = "http://127.0.0.1:{port}".format(**await process.logged("listening"))
        before = [line for line in process.errors if '"event": "backend"' in line]  # either may come first
        assert (json.loads(before[0]) if before else await process.logged("backend"))["ready"]
        yield process
    finally:
        if process.child.returncode is None:
            process.child.kill()
            await process.child.wait()


async def post(session, body=SECRET_TEXT):
    async with session.post("/v1/analyze", data=body) as got:
        return got.status, got.headers, await got.read()


def caller(process):
    return aiohttp.ClientSession(process.url, headers={"Authorization": f"Bearer {process.key}"})


async def test_on_sigterm_it_finishes_what_it_has_and_refuses_the_rest(tmp_path):
    release = asyncio.Event()
    async with (
        FakeBackend(held(release, answer(SECRET_TEXT))) as backend,
        serving(backend, tmp_path) as process,
        caller(process) as session,
    ):
        in_flight, queued = (asyncio.create_task(post(session)) for _ in range(2))
        await backend.received(1)
        await _until(session, 'nlpbatch_proxy_queue_requests{class="interactive",tenant="home"} 1.0')
        process.child.send_signal(signal.SIGTERM)
        assert (await process.logged("draining"))["in_progress"] == 2

        status, headers, body = await post(session)
        assert (status, json.loads(body)["code"]) == (503, "draining")
        assert int(headers["Retry-After"]) > 0
        async with session.get("/readyz") as readiness:
            assert (readiness.status, (await readiness.json())["ready"]) == (503, False)
        assert not in_flight.done()
        assert not queued.done()

        release.set()
        assert [got[0] for got in await asyncio.gather(in_flight, queued)] == [200, 200]
        assert await process.ended() == 0
    assert len(backend.exchanges) == 2
    log = "".join(process.errors)
    assert '"event": "request"' in log
    assert SECRET_TEXT.decode() not in log
    assert process.key not in log
    assert process.entry not in log
    assert await process.child.stdout.read() == b""


async def test_on_sigterm_it_waits_no_longer_than_configured(tmp_path):
    async with (
        FakeBackend(hang()) as backend,
        serving(backend, tmp_path, drain_timeout_s=0.1) as process,
        caller(process) as session,
    ):
        asking = asyncio.create_task(post(session))
        await backend.received(1)
        process.child.send_signal(signal.SIGTERM)
        drained = await process.logged("drained")
        assert (drained["finished"], drained["left"]) == (False, 1)
        with pytest.raises(aiohttp.ClientError):
            await asking
        assert await process.ended() == 0


async def test_a_port_that_is_taken_is_named(tmp_path):
    async with FakeBackend() as backend:
        file = tmp_path / "proxy.toml"
        key = (await (await run("key", "--tenant", "home")).communicate())[1].decode()
        file.write_text(f'[[backends]]\nurl = "{backend.url}"\n{key[key.index("[tenants") :]}')
        child = await run("serve", "--config", str(file), "--port", str(backend.port))
        _, errors = await child.communicate()
    assert child.returncode == 2
    assert f"can't listen on 127.0.0.1:{backend.port}".encode() in errors
    assert b"Traceback" not in errors
    assert b"Unclosed" not in errors


async def _until(session, line):
    async with asyncio.timeout(10):
        while True:
            async with session.get("/metrics") as got:
                if line in (await got.text()).splitlines():
                    return
