"""The proxy as a process in front of real APIs, while requests go on: backends and the proxy die, the file changes."""

import asyncio
import contextlib
import signal
import time

import urllib3

from nlpbatch import AsyncClient, RetryPolicy
from proxy.keys import make_key
from tests.benchmarks.processes import free_port, running, wait_ready

KEY, ENTRY = make_key()
TEXTS = [f"아버지가 방에 들어가신다 {number}" for number in range(20)]


def config(*backends, extra=""):
    lines = [f'[[backends]]\nurl = "{url}"' for url in backends]
    return "\n".join(
        [
            'log_level = "warning"',
            "[admin]\nenabled = false",
            "[upstream]\nhealth_period_s = 0.2",
            *lines,
            f'[tenants.home]\nkeys = ["{ENTRY}"]\n{extra}',
        ]
    )


@contextlib.contextmanager
def proxy(directory, *backends):
    """Run a proxy; its file, port and process."""
    file, port = directory / "proxy.toml", free_port()
    file.write_text(config(*backends), encoding="utf-8")
    with running("proxy", "serve", "--config", str(file), "--port", str(port)) as process:
        wait_ready(f"http://127.0.0.1:{port}", process)
        yield file, port, process


class Load:
    """Asks without end until it is told to stop; every answer must be whole."""

    def __init__(self, port, *, callers=8):
        self._client = AsyncClient(f"http://127.0.0.1:{port}", api_key=KEY, retry=RetryPolicy(patience_s=60))
        self._callers = callers
        self.answered_s = []
        self.stopping = False

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(self._ask(number)) for number in range(self._callers)]
        await self.answered(20)
        return self

    async def __aexit__(self, *_):
        self.stopping = True
        try:
            async with asyncio.timeout(90):
                await asyncio.gather(*self._tasks)  # raises what any request ended in
        finally:
            await self._client.close()

    async def answered(self, more):
        """Wait for so many more answers."""
        wanted = len(self.answered_s) + more
        async with asyncio.timeout(90):
            while len(self.answered_s) < wanted and not any(task.done() for task in self._tasks):
                await asyncio.sleep(0.01)

    async def _ask(self, number):
        while not self.stopping:
            texts = [f"{text} {number} {len(self.answered_s)}" for text in TEXTS]
            analysis = await self._client.analyze(texts)
            assert [outcome.error for outcome in analysis] == [None] * len(texts)
            self.answered_s.append(time.monotonic())


def retries(load):
    return load._client.stats.snapshot().retries


async def test_a_backend_that_is_killed_costs_no_request(tmp_path, stack):
    port = free_port()
    with running("serve", "--port", str(port), "--workers", "1") as doomed:
        url = f"http://127.0.0.1:{port}"
        await asyncio.to_thread(wait_ready, url, doomed)
        with proxy(tmp_path, stack.api, url) as (_, proxy_port, _):
            async with Load(proxy_port) as load:
                doomed.send_signal(signal.SIGKILL)
                killed_s = time.monotonic()
                await load.answered(40)
                longest_s = max(
                    after - before for before, after in zip(load.answered_s, load.answered_s[1:], strict=False)
                )
            assert retries(load) == 0  # the proxy asked the other one, and no caller saw anything
            assert load.answered_s[-1] > killed_s
            assert longest_s < 5


async def test_a_proxy_that_is_killed_and_comes_back_costs_no_request(tmp_path, stack):
    with proxy(tmp_path, stack.api) as (file, port, process):
        async with Load(port) as load:
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            with running("proxy", "serve", "--config", str(file), "--port", str(port)) as again:
                await asyncio.to_thread(wait_ready, f"http://127.0.0.1:{port}", again)
                await load.answered(40)
                load.stopping = True
                await asyncio.gather(*load._tasks)


async def test_no_request_fails_because_the_file_changes_for_better_or_worse(tmp_path, stack):
    with proxy(tmp_path, stack.api) as (file, port, process):
        async with Load(port, callers=4) as load:
            for number in range(100):
                bad = number % 2
                weight = f"weight = {'-1' if bad else number + 1}"
                file.write_text(config(stack.api, extra=weight), encoding="utf-8")
                process.send_signal(signal.SIGHUP)
                await load.answered(1)
        metrics = await asyncio.to_thread(urllib3.request, "GET", f"http://127.0.0.1:{port}/metrics")
        text = metrics.data.decode()
        samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("nlpbatch_proxy_config"))
        assert float(samples["nlpbatch_proxy_config_valid"]) == 0
        assert float(samples["nlpbatch_proxy_config_generation"]) > 10
    assert retries(load) == 0
