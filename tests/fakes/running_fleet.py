"""Several real proxies in the test's own loop that share a real store."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import aiohttp
from redis import Redis

from proxy.config_shared import SharedSettings
from proxy.shared.claims import Claims
from proxy.shared.members import Member, Members
from proxy.shared.store import SharedStore
from tests.fakes.backend import FakeBackend
from tests.fakes.running_proxy import AUTHORIZED, TENANTS, Answer, Proxy, running_proxy
from tests.fakes.running_store import RunningStore

SECRET = "a secret of the fleet"
NAME = ("home", "a-name-that-nobody-else-has")


class RunningFleet:
    """Proxies in front of one backend.

    Args:
        redis: What they share.
        directory: For the file with their secret.
        backend: What answers.
        groups: Groups of `proxy.toml` for all of them.

    """

    def __init__(self, redis: RunningStore, directory: Path, backend: FakeBackend, **groups: Any) -> None:
        file = directory / "fleet-secret"
        file.write_text(SECRET)
        # A machine that is busy with tests may take longer than the usual 50 ms and 3 s.
        fixed = {"url": redis.url, "secret_file": str(file), "timeout_s": 5.0, "alive_s": 30.0}
        self._shared = fixed | groups.pop("shared", {})
        self._redis, self._directory, self._backend, self._groups = redis, directory, backend, groups
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def join(self, *more: FakeBackend, **groups: Any) -> Proxy:
        """Start another proxy, in front of more backends if any are given."""
        given = {"shared": self._shared} | self._groups | groups
        return await self._stack.enter_async_context(running_proxy(self._backend, *more, **given))

    @asynccontextmanager
    async def process(self, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run another proxy as a process of its own, which can be killed, until it is ready; kill it at the end."""
        file = self._directory / f"proxy-{port}.toml"
        groups = {
            "admin": {"enabled": False},
            "shared": self._shared,
            "upstream": {"health_period_s": 0.05},
            "tenants.home": TENANTS["home"],
        }
        tables = [
            "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in members.items())])
            for name, members in groups.items()
        ]
        file.write_text("\n".join([*tables, "[[backends]]", f'url = "{self._backend.url}"']))
        command = ["-m", "nlpbatch", "proxy", "serve", "--config", str(file), "--port", str(port)]
        process = await asyncio.create_subprocess_exec(sys.executable, *command)
        try:
            async with aiohttp.ClientSession() as session, asyncio.timeout(30):
                while not await _ready(session, f"http://127.0.0.1:{port}/readyz"):
                    await asyncio.sleep(0.05)
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def pretend(self, peer_url: str, *names: tuple[str, str], backend: str = "", host: str = "") -> Member:
        """Let the store have a member at that address with claims to these, tenant and key each; it is silent since.

        Args:
            peer_url: Where it says that it is.
            names: Its claims, tenant and key each.
            backend: Where it has sent them; not at all by default.
            host: The machine that it says it is on.

        """
        store = SharedStore(SharedSettings(**self._shared))
        await store.open()
        member = Member(f"pretended-{peer_url[-5:].strip(':/')}", peer_url=peer_url, host=host)
        members, claims = Members(store, member), Claims(store, member.id, 600.0)
        await members.beat()
        for name in names:
            await claims.claim(name)
            claims.sent(name, backend)
        if backend:
            claims.start()
            places = [store.key("answer", store.hidden("answer", *name)).encode() for name in names]
            async with asyncio.timeout(10):
                while not all(backend.encode() in self.claims()[place] for place in places):
                    await asyncio.sleep(0.01)
        await claims.close()
        await store.close()
        return member

    def claims(self) -> dict[bytes, bytes]:
        """Return the claims in the store."""
        with Redis(port=self._redis.port) as client:
            return {key: client.get(key) for key in client.keys("nlpbatch:answer:*")}

    def forget_claims(self) -> None:
        """Delete all claims from the store."""
        with Redis(port=self._redis.port) as client:
            client.delete(*client.keys("nlpbatch:answer:*"))

    def dump(self) -> bytes:
        """Return all that is in the store."""
        with Redis(port=self._redis.port) as client:
            return b"\n".join(key + b" " + (client.dump(key) or b"") for key in client.scan_iter())


async def _ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def fetches(proxy: Proxy, outcome: str) -> float:
    """Return how many answers a proxy asked of others, by outcome."""
    return await proxy.metric("peer_fetches_total", outcome=outcome)


async def asked_peer(proxy: Proxy) -> None:
    """Wait until a proxy waits for another one's answer."""
    async with asyncio.timeout(10):
        while not any(not flight.own for flight in proxy.inner._single_flight._flights.values()):
            await asyncio.sleep(0.005)


def replayed(answer: Answer) -> bool:
    """Return whether an answer says that another request's analysis gave it."""
    return answer.headers.get("Idempotency-Replayed") == "true"


def named(key: str = NAME[1], **headers: str) -> dict[str, str]:
    """Return the headers of a request with that Idempotency-Key."""
    return AUTHORIZED | {"Idempotency-Key": key} | headers
