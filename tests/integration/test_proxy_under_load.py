"""The proxy as a process in front of real APIs, while requests go on: backends and the proxy die, the file changes."""

import asyncio
import contextlib
import signal
import time

import urllib3

from nlpbatch import AsyncClient, RetryPolicy
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


@contextlib.contextmanager
def api(directory, port, options):
    """Run an API with these options, which make it a version of its own; return its process."""
    file = directory / f"server-{port}.toml"
    file.write_text(f'log_level = "warning"\n[analyzers.default]\n{options}\n', encoding="utf-8")
    with running("serve", "--config", str(file), "--port", str(port), "--workers", "1") as process:
        yield process


async def ask_pinned(client, fingerprint, until):
    """Ask without end for one version; return how many answers there were."""
    answers = 0
    while not until.is_set():
        analysis = await client.analyze(["가다"], if_match=fingerprint)
        assert analysis.fingerprint == fingerprint
        answers += 1
    return answers


async def test_real_versions_are_not_mixed_while_one_is_killed_and_comes_back(tmp_path):
    old_port, new_port = free_port(), free_port()
    urls = [f"http://127.0.0.1:{port}" for port in (old_port, new_port)]
    with api(tmp_path, old_port, "z_coda = true") as old, contextlib.ExitStack() as stack:
        new = stack.enter_context(api(tmp_path, new_port, "z_coda = false"))
        for url, process in zip(urls, (old, new), strict=True):
            await asyncio.to_thread(wait_ready, url, process)
        states = [await asyncio.to_thread(urllib3.request, "GET", f"{url}/readyz") for url in urls]
        fingerprints = [state.json()["fingerprints"][0] for state in states]
        assert fingerprints[0] != fingerprints[1]
        with proxy(tmp_path, *urls) as (_, port, _):
            until = asyncio.Event()
            retry = RetryPolicy(patience_s=60)
            async with AsyncClient(f"http://127.0.0.1:{port}", api_key=KEY, retry=retry) as client:
                asked = [asyncio.create_task(ask_pinned(client, one, until)) for one in fingerprints * 4]
                await asyncio.sleep(1.0)
                new.send_signal(signal.SIGKILL)
                await asyncio.to_thread(new.wait)
                await asyncio.sleep(1.0)
                again = stack.enter_context(api(tmp_path, new_port, "z_coda = false"))
                await asyncio.to_thread(wait_ready, urls[1], again)
                await asyncio.sleep(2.0)
                until.set()
                assert min(await asyncio.gather(*asked)) > 5
