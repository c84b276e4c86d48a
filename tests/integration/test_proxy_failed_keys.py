"""Requests without a valid key, from one address: at first they get the reason, then they have to wait."""

import asyncio
import logging

import pytest

from nlpbatch import AsyncClient, RetryPolicy
from nlpbatch.errors import TooManyFailedKeys
from nlpbatch.serving.failed_keys import FailedKeys
from proxy.keys import make_key
from tests.fakes.backend import FakeBackend
from tests.fakes.running_proxy import AUTHORIZED, KEY, running_proxy

LIMITS = {"failed_keys_per_minute": 3}
WRONG = {"Authorization": f"Bearer {make_key()[0]}"}


async def test_over_the_bound_it_is_429_with_a_time_and_valid_keys_are_answered_all_the_same():
    async with FakeBackend() as backend, running_proxy(backend, limits=LIMITS) as proxy:
        got = [await proxy.ask(headers=WRONG, data=b"{}") for _ in range(5)]
        assert [one.status for one in got] == [401, 401, 401, 429, 429]
        assert got[-1].json["code"] == "too_many_failed_keys"
        assert 0 < int(got[-1].headers["Retry-After"]) <= 20
        assert (await proxy.ask(data=b"{}")).status == 200
        assert (await proxy.ask("GET", "/v1/limits", headers={})).status == 429
        assert (await proxy.ask("GET", "/v1/usage", headers=WRONG)).status == 429
        assert (await proxy.ask("GET", "/v1/limits")).status == 200
        assert await proxy.metric("failed_keys_total", status="401") == 3
        assert await proxy.metric("failed_keys_total", status="429") == 4
    assert len(backend.exchanges) == 1


async def test_a_valid_key_never_comes_to_what_counts_failures(monkeypatch):
    def fail(*_):
        raise AssertionError("asked for a valid key")

    monkeypatch.setattr(FailedKeys, "fail", fail)
    async with FakeBackend() as backend, running_proxy(backend, limits=LIMITS) as proxy:
        assert {(await proxy.ask(data=b"{}")).status for _ in range(5)} == {200}


async def test_a_client_does_not_try_again(caplog):
    caplog.set_level(logging.INFO)
    async with FakeBackend() as backend, running_proxy(backend, limits={"failed_keys_per_minute": 1}) as proxy:
        await proxy.ask(headers=WRONG)
        wrong = WRONG["Authorization"].removeprefix("Bearer ")
        url, retry = f"http://127.0.0.1:{proxy.port}", RetryPolicy(patience_s=30)
        async with AsyncClient(url, api_key=wrong, retry=retry) as client, asyncio.timeout(5):
            with pytest.raises(TooManyFailedKeys) as raised:
                await client.analyze(["글"])
        assert raised.value.retry_after_s > 0
        assert await proxy.metric("failed_keys_total") == 2
    assert wrong not in str([vars(record) for record in caplog.records])


async def test_the_bound_is_reloaded_like_everything_else():
    async with FakeBackend() as backend, running_proxy(backend, limits={"failed_keys_per_minute": 1000}) as proxy:
        assert {(await proxy.ask(headers=WRONG)).status for _ in range(3)} == {401}
        before = proxy.inner.settings
        limits = before.limits.model_copy(update={"failed_keys_per_minute": 1})
        await proxy.inner.adopt(before.model_copy(update={"limits": limits}))
        assert (await proxy.ask(headers=WRONG)).status == 429
        assert (await proxy.ask(headers=AUTHORIZED)).status == 200
    assert KEY not in str(backend.exchanges)
