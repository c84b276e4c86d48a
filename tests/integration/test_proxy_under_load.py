"""The proxy as a process in front of real APIs, while requests go on: backends and the proxy die, the file changes."""

import asyncio
import contextlib
import signal
import time

import urllib3

from proxy.keys import make_key
from tests.benchmarks.processes import free_port, running, wait_ready
from tests.fakes.load import Load

KEY, ENTRY = make_key()


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


async def test_a_backend_that_is_killed_costs_no_request(tmp_path, stack):
    port = free_port()
    with running("serve", "--port", str(port), "--workers", "1") as doomed:
        url = f"http://127.0.0.1:{port}"
        await asyncio.to_thread(wait_ready, url, doomed)
        with proxy(tmp_path, stack.api, url) as (_, proxy_port, _):
            async with Load(f"http://127.0.0.1:{proxy_port}", KEY) as load:
                doomed.send_signal(signal.SIGKILL)
                killed_s = time.monotonic()
                await load.answered(40)
                longest_s = max(
                    after - before for before, after in zip(load.answered_s, load.answered_s[1:], strict=False)
                )
            assert load.retries == 0  # the proxy asked the other one, and no caller saw anything
            assert load.answered_s[-1] > killed_s
            assert longest_s < 5


async def test_a_proxy_that_is_killed_and_comes_back_costs_no_request(tmp_path, stack):
    with proxy(tmp_path, stack.api) as (file, port, process):
        async with Load(f"http://127.0.0.1:{port}", KEY) as load:
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            with running("proxy", "serve", "--config", str(file), "--port", str(port)) as again:
                await asyncio.to_thread(wait_ready, f"http://127.0.0.1:{port}", again)
                await load.answered(40)
                load.stopping = True
                await asyncio.gather(*load._tasks)


async def test_no_request_fails_because_the_file_changes_for_better_or_worse(tmp_path, stack):
    with proxy(tmp_path, stack.api) as (file, port, process):
        async with Load(f"http://127.0.0.1:{port}", KEY, callers=4) as load:
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
    assert load.retries == 0
