"""The running proxy takes over a configuration as a whole, or not at all."""

import asyncio
import logging
import socket
from contextlib import asynccontextmanager

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.serving.drain import Drain
from proxy.app import Proxy
from proxy.forwarding.limits import limits_of
from proxy.reload import reload
from tests.fakes.proxy_parts import proxy_settings
from tests.fakes.virtual_time import settle, virtual_time

LITERAL = [{"url": "http://10.0.0.1:1"}]
NAMED = [{"url": "http://api:1", "resolve": True}]
QUOTA = {"quota": {"bytes_per_s": 1000, "burst_bytes": 2000}}


class Names:
    """A name service that answers when it may, with what it is given."""

    def __init__(self, answer=("10.0.0.2",)):
        self.answer = answer
        self.may_answer = asyncio.Event()

    async def __call__(self, *_):
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@asynccontextmanager
async def started(names=None, **groups):
    """Run a proxy that watches no backend's health."""
    proxy = Proxy(proxy_settings(**{"backends": LITERAL} | groups), Drain(1.0), names or Names())
    await proxy.take_over_backends()
    try:
        yield proxy
    finally:
        await proxy.close()


def in_force(proxy):
    """Return what each part of the proxy goes by."""
    tenant = next(iter(proxy.live.now.settings.tenants))
    key_id = proxy.live.now.settings.tenants[tenant].keys[0].partition(":")[0]
    limits = limits_of(proxy.traffic, proxy.settings, tenant, key_id)
    return {
        "generation": proxy.state()["generation"],
        "backends": [backend["url"] for backend in proxy.state()["backends"]],
        "quota": limits["quotas"]["tenant"]["bytes_per_s"],
        "queue": limits["queue"]["max_requests"],
        "settings": proxy.config()["queue"]["requests"],
    }


BEFORE = {"generation": 1, "backends": ["http://10.0.0.1:1"], "quota": None, "queue": 2000, "settings": 2000}
AFTER = {"generation": 2, "backends": ["http://10.0.0.2:1"], "quota": 1000, "queue": 7, "settings": 7}


def wanted(**groups):
    return proxy_settings({"a": QUOTA}, **{"backends": NAMED, "queue": {"requests": 7}} | groups)


@virtual_time
async def test_until_the_new_backends_are_known_the_old_configuration_is_wholly_in_force():
    names = Names()
    async with started(names) as proxy:
        adopting = asyncio.create_task(proxy.adopt(wanted()))
        await settle()
        assert in_force(proxy) == BEFORE
        names.may_answer.set()
        await adopting
        assert in_force(proxy) == AFTER


@virtual_time
async def test_certificates_that_can_t_be_used_change_nothing():
    async with started() as proxy:
        with pytest.raises(ConfigError, match=r"nowhere/ca\.pem"):
            await proxy.adopt(wanted(backends=LITERAL, upstream={"ca_file": "/nowhere/ca.pem"}))
        assert in_force(proxy) == BEFORE


@virtual_time
async def test_an_unexpected_error_changes_nothing_and_its_text_is_not_logged(caplog):
    names = Names(RuntimeError("a secret"))
    names.may_answer.set()
    async with started(names) as proxy:
        with caplog.at_level(logging.ERROR):
            assert not await reload(proxy, wanted)
        assert in_force(proxy) == BEFORE
    assert caplog.records[-1].faults == ["RuntimeError"]
    assert "a secret" not in caplog.text


@virtual_time
async def test_a_name_that_has_no_address_keeps_nothing_else_from_changing():
    names = Names(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    names.may_answer.set()
    async with started(names) as proxy:
        await proxy.adopt(wanted(backends=[*NAMED, {"url": "http://10.0.0.3:1"}]))
        assert in_force(proxy) == AFTER | {"backends": ["http://10.0.0.3:1"]}


@virtual_time
async def test_a_name_service_that_never_answers_delays_a_reload_for_a_few_seconds_only():
    async with started() as proxy, asyncio.timeout(6):
        await proxy.adopt(wanted())
        assert in_force(proxy) == AFTER | {"backends": []}


@virtual_time
async def test_addresses_that_were_looked_up_for_an_old_configuration_are_not_used_under_a_new_one():
    names = Names()
    names.may_answer.set()
    async with started(names, backends=NAMED) as proxy:
        names.may_answer.clear()
        rediscovering = asyncio.create_task(proxy.take_over_backends())
        await settle()
        await proxy.adopt(wanted(backends=LITERAL))
        names.may_answer.set()
        await rediscovering
        assert in_force(proxy)["backends"] == ["http://10.0.0.1:1"]


async def test_a_file_of_keys_that_can_t_be_read_keeps_a_proxy_from_starting(tmp_path):
    file = tmp_path / "keys.json"
    file.write_text("{", encoding="utf-8")
    proxy = Proxy(proxy_settings(backends=LITERAL, keys={"file": str(file)}), Drain(1.0), Names())
    with pytest.raises(ConfigError, match=r"keys.file .*keys.json: not a file of keys in format 1: restore it from"):
        await proxy.start()
    await proxy.close()
