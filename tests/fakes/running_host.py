"""`nlpbatch proxy serve` as an operator runs it, with several processes; and callers that never send again."""

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.running_proxy import AUTHORIZED, TENANTS

PATIENCE_S = 60.0


@dataclass
class Host:
    """A supervisor and its workers; `log` has what they logged so far, and `lines` what is no JSON."""

    child: asyncio.subprocess.Process
    log: list[dict] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    seen: asyncio.Condition = field(default_factory=asyncio.Condition)
    reading: asyncio.Task | None = None

    async def read(self):
        async for line in self.child.stderr:
            async with self.seen:
                if line.startswith(b"{"):
                    self.log.append(json.loads(line))
                else:
                    self.lines.append(line.decode())
                self.seen.notify_all()
        async with self.seen:
            self.seen.notify_all()

    def events(self, event, **members):
        return [one for one in self.log if one["event"] == event and one.items() >= members.items()]

    async def logged(self, event, count=1, **members):
        """Wait until an event has been logged so often; return the last."""
        async with asyncio.timeout(PATIENCE_S), self.seen:
            await self.seen.wait_for(lambda: len(self.events(event, **members)) >= count or self.reading.done())
        found = self.events(event, **members)
        assert len(found) >= count, (event, self.log[-20:], self.lines)
        return found[-1]

    @property
    def port(self):
        return self.events("listening", listener="service")[0]["port"]

    @property
    def admin_port(self):
        return self.events("listening", listener="admin")[0]["port"]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self):
        return f"http://127.0.0.1:{self.admin_port}"

    async def admin(self, method, path, **keywords):
        """Return status and members of an operator's answer."""
        async with aiohttp.request(method, f"{self.admin_url}{path}", **keywords) as got:
            return got.status, await got.json() if got.content_type.endswith("json") else await got.text()

    async def state(self):
        return (await self.admin("GET", "/state"))[1]

    async def pids(self):
        return [one["pid"] for one in (await self.state())["processes"]]

    async def until_state(self, true_of):
        async with asyncio.timeout(PATIENCE_S):
            while not true_of(await self.state()):
                await asyncio.sleep(0.02)

    async def stop(self):
        """Stop it in order; return the exit code."""
        if self.child.returncode is None:
            self.child.terminate()
        async with asyncio.timeout(PATIENCE_S):
            code = await self.child.wait()
            await self.reading
        return code


@asynccontextmanager
async def starting(file, *arguments):
    """Start a proxy, and stop it at the end."""
    command = [sys.executable, "-m", "nlpbatch", "proxy", "serve", "--config", str(file), *arguments]
    host = Host(await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, limit=2**20))
    host.reading = asyncio.create_task(host.read())
    try:
        yield host
    finally:
        if host.child.returncode is None:
            await host.stop()
        await host.reading


@asynccontextmanager
async def running_host(file, *arguments, processes=2):
    """Run several processes for the time of the block, from when they serve."""
    several = ("--processes", str(processes), "--port", "0", "--admin-port", "0")
    async with starting(file, *several, *arguments) as host:
        await host.logged("serving")
        await host.logged("listening", listener="admin")
        await host.until_state(lambda state: all(one["backends"][0]["ready"] for one in state["processes"]))
        yield host


def configuration(directory, backend, *, slots=1000, more=""):
    """Write a configuration; return its file."""
    file = directory / "proxy.toml"
    tenants = "\n".join(f"[tenants.{name}]\nkeys = {json.dumps(one['keys'])}" for name, one in TENANTS.items())
    file.write_text(
        f'[concurrency]\npolicy = "fixed"\nper_worker = {slots / 2}\n[upstream]\nhealth_period_s = 0.05\n'
        f'[[backends]]\nurl = "{backend.url}"\n{tenants}\n{more}\n'
    )
    return file


class PlainLoad:
    """Callers on kept connections that never send a request twice; what fails is kept in `failures`.

    Args:
        url: The service.
        callers: How many requests at a time.
        fresh: Whether each request has a connection of its own.

    """

    def __init__(self, url, *, callers=16, fresh=False):
        self._url, self._callers, self._fresh = url, callers, fresh
        self.answered, self.failures, self.longest_s = 0, [], 0.0
        self._stopping = False

    async def __aenter__(self):
        connector = aiohttp.TCPConnector(limit=0, force_close=self._fresh)
        self._session = aiohttp.ClientSession(self._url, connector=connector, headers=AUTHORIZED)
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(self._callers)]
        await self.more(self._callers)
        return self

    async def __aexit__(self, *_):
        self._stopping = True
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self._tasks)
        await self._session.close()

    async def more(self, count):
        """Wait for so many more answers."""
        wanted = self.answered + count
        async with asyncio.timeout(PATIENCE_S):
            while self.answered < wanted:
                await asyncio.sleep(0.005)

    async def _ask(self):
        while not self._stopping:
            began_s = time.monotonic()
            try:
                async with self._session.post("/v1/analyze", data=b'{"texts": ["x"]}') as answer:
                    body = await answer.read()
                if answer.status != 200:
                    self.failures.append((answer.status, body))
                self.answered += 1
            except aiohttp.ClientError as error:
                self.failures.append(error)
                await asyncio.sleep(0.01)
            self.longest_s = max(self.longest_s, time.monotonic() - began_s)


async def counts(url):
    """Return all counters that a scrape of the public port shows, with histograms' counts: name and labels to value."""
    async with aiohttp.request("GET", f"{url}/metrics") as got:
        assert got.status == 200
        text = await got.text()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        if family.type in {"counter", "histogram"}
        for sample in family.samples
    }


def command(pid):
    """Return a process's command line, '' for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""
