"""One ledger for proxies that share a store, also when one is killed."""

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from redis import Redis

from tests.fakes.backend import FakeBackend, answer, echo
from tests.fakes.running_proxy import AUTHORIZED, ENTRY, GUEST, running_proxy
from tests.fakes.shared_ledger import SECRET

TEXT = "비밀스러운 문장".encode()


async def until(true_of, seconds=10):
    async with asyncio.timeout(seconds):
        while not await true_of():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def fleet(backend, redis, secret, directory, proxies=2):
    shared = {"url": redis.url, "secret_file": secret}
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                running_proxy(backend, shared=shared, ledger={} if directory is None else {"directory": str(directory)})
            )
            for _ in range(proxies)
        ]


async def usage(proxy, query, headers=AUTHORIZED):
    got = await proxy.ask("GET", f"/v1/usage?{query}", headers=headers)
    assert got.status == 200, got.body
    return got.json


async def settled(proxy, query):
    """Return the usage, once it is complete up to now."""
    asked_at = (found := await usage(proxy, query))["at"]
    async with asyncio.timeout(10):
        while found["complete_until"] < asked_at:
            await asyncio.sleep(0.02)
            found = await usage(proxy, query)
    return found


@pytest.mark.parametrize("kept", [True, False])
async def test_each_proxy_speaks_for_all(redis, secret, tmp_path, kept):
    headers = AUTHORIZED | {"Nlpbatch-Job": "out-1", "Idempotency-Key": "not-in-the-store"}
    directory = tmp_path / "ledger" if kept else None
    backend = FakeBackend(answer(TEXT, headers={"Nlpbatch-Documents": "7"}))
    async with backend, fleet(backend, redis, secret, directory) as proxies:
        for proxy in proxies:
            for _ in range(2):
                await proxy.ask(data=TEXT, headers=headers)
            await proxy.ask(data=b"of nobody", headers=AUTHORIZED)
        found = [await settled(proxy, "job=out-1") for proxy in proxies]
        assert found[0]["instance"] == found[1]["instance"]
        for one in found:
            # One of them analysed it, and the other one fetched its answer.
            assert (one["analysed"], one["analysed_bytes"]) == (1, len(TEXT))
            assert (one["replayed"], one["answered"], one["documents"]) == (3, 4, 7)
            assert (one["requests"], one["attempts"], one["missing"]) == (4, 1, 0)
        by_job = await settled(proxies[1], "by=job")
        assert {line["job"]: line["requests"] for line in by_job["rows"]} == {"out-1": 4, "": 2}
        (by_key,) = (await settled(proxies[0], "by=key&since=2020-01-01"))["rows"]
        assert (by_key["tenant"], by_key["key"], by_key["requests"]) == ("home", ENTRY[:12], 6)
        assert (await usage(proxies[0], "by=day", GUEST))["rows"] == []
        with Redis(port=redis.port) as client:
            dump = b"".join(key + (client.dump(key) or b"") for key in client.scan_iter())
            dump += repr([client.hgetall(key) for key in client.scan_iter(_type="hash")]).encode()
    hidden = (TEXT, b"not-in-the-store", AUTHORIZED["Authorization"].encode(), SECRET.encode())
    assert not [text for text in hidden if text in dump]


async def test_while_the_store_is_away_requests_go_on_and_their_counts_come_later(redis, secret, tmp_path):
    headers = AUTHORIZED | {"Nlpbatch-Job": "out-1"}
    async with FakeBackend(echo()) as backend, fleet(backend, redis, secret, tmp_path / "ledger", 1) as (proxy,):
        await proxy.ask(data=TEXT, headers=headers)
        await settled(proxy, "job=out-1")
        redis.pause()
        for _ in range(5):
            assert (await proxy.ask(data=TEXT, headers=headers)).status == 200
        await proxy.until("shared_store_away", 1)
        refused = await proxy.ask("GET", "/v1/usage?job=out-1")
        assert (refused.status, refused.json["code"]) == (503, "no_capacity")
        assert await proxy.metric("ledger_pending_entries") == 5
        redis.resume()
        await proxy.until("ledger_pending_entries", 0)
        assert (await settled(proxy, "job=out-1"))["analysed"] == 6


async def test_a_store_that_comes_back_empty_has_what_the_journals_know(redis, secret, tmp_path):
    headers = AUTHORIZED | {"Nlpbatch-Job": "out-1"}
    async with FakeBackend(echo()) as backend, fleet(backend, redis, secret, tmp_path / "ledger", 1) as (proxy,):
        await proxy.ask(data=TEXT, headers=headers)
        before = await settled(proxy, "job=out-1")
        redis.kill()
        for _ in range(3):
            await proxy.ask(data=TEXT, headers=headers)
        await proxy.until("shared_store_away", 1)
        redis.start()
        await proxy.until("shared_store_away", 0)
        after = await settled(proxy, "job=out-1")
    assert (before["analysed"], after["analysed"]) == (1, 3)
    assert before["instance"] != after["instance"]


CONFIG = """
[admin]
port = 0
[shared]
url = "{url}"
secret_file = "{secret}"
[ledger]
directory = "{directory}"
carry_period_s = {carry_period_s}
[upstream]
health_period_s = 0.05
[[backends]]
url = "{backend}"
[tenants.home]
keys = ["{entry}"]
"""


@asynccontextmanager
async def process(file):
    """Run a proxy as a process; yield it and its address."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nlpbatch", "proxy", "serve", "--config", str(file), "--port", "0"),
        stderr=subprocess.PIPE,
    )
    try:
        ready, url = False, ""
        async with asyncio.timeout(60):
            while not (ready and url):
                members = json.loads(await child.stderr.readline())
                if members["event"] == "listening" and members["listener"] == "service":
                    url = f"http://127.0.0.1:{members['port']}"
                ready |= members["event"] == "backend"
        yield child, url
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_a_killed_proxy_s_counts_are_carried_by_another_on_its_host(redis, secret, tmp_path):
    async with FakeBackend(echo()) as backend:
        given = {"url": redis.url, "secret": secret, "directory": tmp_path / "ledger", "backend": backend.url}
        file = tmp_path / "proxy.toml"
        file.write_text(CONFIG.format(**given, entry=ENTRY, carry_period_s=60))
        async with process(file) as (child, url), aiohttp.ClientSession(url) as session:
            for _ in range(5):
                async with session.post(
                    "/v1/analyze", data=TEXT, headers=AUTHORIZED | {"Nlpbatch-Job": "out-1"}
                ) as got:
                    assert got.status == 200
            child.send_signal(signal.SIGKILL)
            await child.wait()
        async with fleet(backend, redis, secret, tmp_path / "ledger", 1) as (proxy,):

            async def is_carried():
                return (await usage(proxy, "job=out-1"))["analysed_bytes"] == 5 * len(TEXT)

            await until(is_carried)
            assert len(list((tmp_path / "ledger" / "journals").iterdir())) == 1
