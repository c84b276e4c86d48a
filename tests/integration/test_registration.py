"""APIs that register themselves: at one proxy, at a fleet, with a wrong secret, and that leave while runs need them."""

import asyncio
import os
import signal

import pytest

from nlpbatch.errors import ConfigError
from tests.fakes.backend import FakeBackend, answer, hang
from tests.fakes.running_api import eventually, running_api
from tests.fakes.running_fleet import RunningFleet
from tests.fakes.running_proxy import AUTHORIZED, running_proxy

SECRET = "what the APIs know, too"
OWN = {"Authorization": f"Bearer {SECRET}"}
BODY = b'{"texts": ["a"]}'


@pytest.fixture
def registration(tmp_path):
    file = tmp_path / "registration-secret"
    file.write_text(SECRET + "\n")
    return {"secret_file": str(file), "ttl_s": 1.0}


def asked(backend, method="PUT", headers=OWN):
    return {"method": method, "path": "/registrations", "headers": headers, "data": f'{{"url": "{backend}"}}'.encode()}


async def until(condition, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def urls(proxy):
    return [one["url"] for one in proxy.inner.state()["backends"]]


async def test_a_backend_that_registers_gets_requests_until_it_falls_silent(registration):
    async with FakeBackend() as backend, running_proxy(ready=False, registration=registration) as proxy:
        waiting = proxy.asking(data=BODY)
        said = await proxy.ask(**asked(backend.url))
        assert (said.status, said.json) == (200, {"ttl_s": 1.0})

        async def works():
            return (await proxy.ask(data=BODY)).status == 200

        assert (await waiting).status == 200
        await until(works)
        (known,) = proxy.inner.state()["registrations"]
        assert known["url"] == backend.url
        assert 0 < known["expires_in_s"] <= 1.0

        async def is_gone():
            return await urls(proxy) == []

        await until(is_gone)


async def test_only_those_who_know_the_secret_register_and_only_addresses_that_answer(registration):
    async with FakeBackend() as backend, running_proxy(ready=False, registration=registration) as proxy:
        for headers in ({}, AUTHORIZED, {"Authorization": "Bearer "}, {"Authorization": "Basic x"}):
            refused = await proxy.ask(**asked(backend.url, headers=headers))
            assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
            assert SECRET not in refused.body.decode()
        nobody = await proxy.ask(**asked("http://127.0.0.1:9"))
        assert (nobody.status, nobody.json["path"]) == (400, "/url")
        assert "nothing answers at http://127.0.0.1:9" in nobody.json["detail"]
        for url in ("ftp://a:1", "http://a", "http://user@a:1", "http://a:1/?x", "no address"):
            assert (await proxy.ask(**asked(url))).status == 400
        assert await urls(proxy) == []


async def test_registration_is_off_without_a_secret_and_then_backends_are_needed():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        said = await proxy.ask(**asked(backend.url))
        assert (said.status, "registration is off" in said.json["detail"]) == (404, True)
    with pytest.raises(ConfigError, match="backends: missing: add"):
        async with running_proxy(ready=False):
            pass


async def test_one_registration_counts_at_every_proxy_of_a_fleet(redis, tmp_path, registration):
    async with (
        FakeBackend() as fixed,
        FakeBackend() as backend,
        RunningFleet(redis, tmp_path, fixed, registration=registration | {"ttl_s": 60.0}) as fleet,
    ):
        first, second = await fleet.join(), await fleet.join()
        await first.ask(**asked(backend.url))

        async def both_know():
            return await urls(first) == await urls(second) == [fixed.url, backend.url]

        await until(both_know)

        async def lets_it_go():  # after it has asked it for its versions
            said = await second.ask(**asked(backend.url, "DELETE"))
            assert (said.status, said.json.get("code")) in {(200, None), (503, "no_capacity")}
            return said.json.get("needed_for") == []

        await until(lets_it_go)

        async def both_forgot():
            return await urls(first) == await urls(second) == [fixed.url]

        await until(both_forgot)


async def test_a_backend_stays_for_runs_that_no_other_one_can_answer_and_gets_nothing_else(registration):
    pinned = AUTHORIZED | {"If-Match": '"old"'}
    async with (
        FakeBackend(answer(b'{"from": "old"}'), fingerprints=("old",)) as old,
        FakeBackend(answer(b'{"from": "new"}'), fingerprints=("new",)) as new,
        running_proxy(new, registration=registration | {"ttl_s": 60.0}) as proxy,
    ):
        await proxy.ask(**asked(old.url))

        async def has_answered():
            return (await proxy.ask(headers=pinned, data=BODY)).body == b'{"from": "old"}'

        await until(has_answered)
        said = await proxy.ask(**asked(old.url, "DELETE"))
        assert said.json == {"needed_for": ["old"]}

        async def leaves():
            return any(one["leaving"] for one in proxy.inner.state()["backends"])

        await until(leaves)
        before = len(old.exchanges)
        for _ in range(20):
            assert (await proxy.ask(data=BODY)).body == b'{"from": "new"}'
        assert len(old.exchanges) == before
        assert (await proxy.ask(headers=pinned, data=BODY)).body == b'{"from": "old"}'
        assert proxy.inner.traffic.capacity().workers == new.workers


async def test_of_two_that_leave_at_once_at_different_proxies_one_stays_for_a_run(redis, tmp_path, registration):
    pinned = AUTHORIZED | {"If-Match": '"old"'}
    given = {"registration": registration | {"ttl_s": 60.0}}
    async with (
        FakeBackend(fingerprints=("new",)) as new,
        FakeBackend(answer(b'{"from": "old"}'), fingerprints=("old",)) as one,
        FakeBackend(answer(b'{"from": "old"}'), fingerprints=("old",)) as other,
        RunningFleet(redis, tmp_path, new, **given) as fleet,
    ):
        proxies = first, second = await fleet.join(), await fleet.join()
        for backend in (one, other):
            await first.ask(**asked(backend.url))

        async def all_are_ready():
            return all(sum(backend["ready"] for backend in proxy.inner.state()["backends"]) == 3 for proxy in proxies)

        await until(all_are_ready)
        for proxy in proxies:
            assert (await proxy.ask(headers=pinned, data=BODY)).body == b'{"from": "old"}'
        said = await asyncio.gather(first.ask(**asked(one.url, "DELETE")), second.ask(**asked(other.url, "DELETE")))
        assert ["old"] in [one_.json["needed_for"] for one_ in said]
        await asyncio.sleep(1.5)  # until each proxy has looked again
        for proxy in proxies:
            assert (await proxy.ask(headers=pinned, data=BODY)).body == b'{"from": "old"}'


async def test_requests_under_way_end_where_they_began(registration):
    async with FakeBackend(hang()) as backend, running_proxy(ready=False, registration=registration) as proxy:
        await proxy.ask(**asked(backend.url))
        await until(lambda: _ready(proxy))
        under_way = proxy.asking(data=BODY)
        await until(lambda: _has_work(backend))
        assert (await proxy.ask(**asked(backend.url, "DELETE"))).json == {"needed_for": []}
        await until(lambda: _is_empty(proxy))
        await asyncio.sleep(0.2)
        assert not under_way.done()
        under_way.cancel()


async def _ready(proxy):
    return any(one["ready"] for one in proxy.inner.state()["backends"])


async def _has_work(backend):
    return backend.exchanges


async def _is_empty(proxy):
    return not await urls(proxy)


async def test_a_real_api_registers_its_port_and_takes_itself_back(tmp_path, registration):
    """The API is a process of its own, whose port nobody knew."""
    async with running_proxy(ready=False, registration=registration | {"ttl_s": 60.0}) as proxy:
        where = f'proxies = ["http://127.0.0.1:{proxy.port}"]\nsecret_file = "{registration["secret_file"]}"'
        config = f"[pool]\nworkers = 1\n[registration]\n{where}\nleave_timeout_s = 1.0\n"

        def whole():
            with running_api("obedient", tmp_path, config) as api:
                eventually(lambda: proxy.inner.state()["registrations"], 30)
                known = [one["url"] for one in proxy.inner.state()["registrations"]]
                assert known == [api.url]
                os.kill(api.process.pid, signal.SIGTERM)
                api.process.wait(30)
                assert proxy.inner.state()["registrations"] == []

        await asyncio.to_thread(whole)


async def test_a_wrong_secret_is_logged_by_both_and_the_api_goes_on(tmp_path, registration):
    other = tmp_path / "other"
    other.write_text("another secret of somebody")
    async with running_proxy(ready=False, registration=registration) as proxy:
        where = f'proxies = ["http://127.0.0.1:{proxy.port}"]\nsecret_file = "{other}"'

        def whole():
            with running_api("obedient", tmp_path, f"[pool]\nworkers = 1\n[registration]\n{where}\n") as api:
                eventually(lambda: "not registered" in api.log.read_text(), 30)
                said = next(one for one in api.events() if one["event"] == "not registered")
                assert said["reason"].startswith("HTTP 401: the secret is not that of this proxy's [registration]")
                assert "another secret" not in api.log.read_text()

        await asyncio.to_thread(whole)


async def test_wrong_secrets_are_bounded_and_the_right_one_is_taken_all_the_same(registration, caplog):
    wrong, limits = {"Authorization": "Bearer of somebody else"}, {"failed_keys_per_minute": 2}
    async with FakeBackend() as backend, running_proxy(ready=False, registration=registration, limits=limits) as proxy:
        said = [(await proxy.ask(**asked(backend.url, headers=wrong))).status for _ in range(4)]
        assert said == [401, 401, 429, 429]
        assert (await proxy.ask(**asked(backend.url))).status == 200
    assert sum(record.getMessage() == "registration refused" for record in caplog.records) == 2
