"""Keys issued and revoked at one proxy of a fleet are so at the others, whatever becomes of the store."""

import asyncio
import dataclasses

import pytest
from redis import Redis

from proxy.key_records import Revocation
from tests.fakes.backend import FakeBackend, held
from tests.fakes.operated_fleet import running_fleet, until
from tests.fakes.running_proxy import ENTRY, KEY
from tests.fakes.running_store import running_store

IN_FORCE_S = 2
FILE_ID = ENTRY[:12]


@pytest.fixture
def store(tmp_path):
    with running_store(tmp_path) as running:
        yield running


async def created(member, **members):
    status, issued = await member.operate("POST", "/keys", json={"tenant": "guests"} | members)
    assert status == 201, issued
    return issued


def answers(member, status, key=None):
    async def asked():
        return (await member.ask(key))[0] == status

    return asked


async def test_a_key_is_valid_and_then_revoked_everywhere_within_two_seconds(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        issued = await created(first, note="nightly")
        assert (await first.ask(issued["key"]))[0] == 200
        await until(answers(second, 200, issued["key"]), IN_FORCE_S)
        status, revoked = await second.operate("POST", f"/keys/{issued['id']}/revoke")
        assert (status, revoked["changed"], revoked["pending"]) == (200, True, False)
        await until(answers(first, 401, issued["key"]), IN_FORCE_S)
        status, problem = await first.ask(issued["key"])
        assert (problem["code"], problem["cause"]) == ("unauthenticated", "revoked")
        _, again = await first.operate("POST", f"/keys/{issued['id']}/revoke")
        assert (again["changed"], again["revoked_at"]) == (False, revoked["revoked_at"])


async def test_a_key_of_the_file_can_be_revoked_and_its_requests_under_way_finish(store, tmp_path):
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        under_way = asyncio.create_task(second.ask(KEY))
        await backend.received(1)
        await first.operate("POST", f"/keys/{FILE_ID}/revoke")
        await until(lambda: FILE_ID in second.proxy.live.records.revoked, IN_FORCE_S)
        assert (await second.ask(KEY))[0] == 401
        release.set()
        assert (await under_way)[0] == 200
        _, listed = await second.operate("GET", "/keys?tenant=home")
        assert [(key["source"], key["state"]) for key in listed["keys"]] == [("file", "revoked")]


async def test_two_creates_at_once_make_two_keys_that_both_know(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as fleet:
        made = await asyncio.gather(*(created(member) for member in fleet for _ in range(20)))
        ids = {key["id"] for key in made}
        assert len(ids) == 40
        for member in fleet:
            await until(lambda member=member: ids <= member.proxy.live.records.issued.keys(), IN_FORCE_S)


async def test_a_key_expires_by_the_clock_of_the_store(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        issued = await created(first, expires_at="2s")
        await until(answers(second, 200, issued["key"]), IN_FORCE_S)
        await until(answers(second, 401, issued["key"]))
        assert (await first.ask(issued["key"]))[1]["cause"] == "expired"


async def test_while_the_store_is_away_keys_stay_valid_and_revocations_are_passed_on_later(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        kept, revoked = await created(first), await created(first)
        await until(answers(second, 200, revoked["key"]), IN_FORCE_S)
        store.kill()
        await until(lambda: first.proxy.fleet.store.away and second.proxy.fleet.store.away)
        status, problem = await first.operate("POST", "/keys", json={"tenant": "home"})
        assert (status, problem["code"]) == (503, "service_unreachable")
        _, answer = await first.operate("POST", f"/keys/{revoked['id']}/revoke")
        assert answer["pending"]
        assert (await first.ask(revoked["key"]))[0] == 401
        assert [(await member.ask(kept["key"]))[0] for member in (first, second)] == [200, 200]
        store.start()
        await until(answers(second, 401, revoked["key"]))
        assert (await second.ask(kept["key"]))[0] == 200


async def test_a_store_that_was_flushed_gets_back_what_the_proxies_know(store, tmp_path):
    async with FakeBackend() as backend:
        async with running_fleet(backend, store.url, tmp_path) as (first, second):
            kept, revoked = await created(first), await created(second)
            await first.operate("POST", f"/keys/{revoked['id']}/revoke")
            await first.operate("POST", f"/keys/{FILE_ID}/revoke")
            await until(lambda: len(second.proxy.live.records.revoked) == 2, IN_FORCE_S)
            await until(answers(second, 200, kept["key"]), IN_FORCE_S)
            with Redis(port=store.port) as client:
                client.flushall()
                await until(lambda: client.hlen("nlpbatch:keys") == 5)  # two keys, two revocations and the version
        async with running_fleet(backend, store.url, tmp_path, count=1) as (third,):
            assert (await third.ask(kept["key"]))[0] == 200
            assert (await third.ask(revoked["key"]))[0] == (await third.ask(KEY))[0] == 401


async def test_garbage_in_the_store_locks_nobody_out_and_is_replaced(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        kept, revoked = await created(first), await created(first)
        await first.operate("POST", f"/keys/{revoked['id']}/revoke")
        await until(lambda: len(second.proxy.live.records.issued) == 2, IN_FORCE_S)
        with Redis(port=store.port) as client:
            garbage = {kept["id"]: b"\xff", f"{revoked['id']}:revoked": "{", "nonsense": "1", "version": "?!"}
            client.hset("nlpbatch:keys", mapping=garbage)
            await until(lambda: client.hget("nlpbatch:keys", kept["id"]) != b"\xff")
            assert (await second.ask(kept["key"]))[0] == 200
            assert (await second.ask(revoked["key"]))[0] == 401
            client.set("nlpbatch:keys", "no hash")
            await until(lambda: client.type("nlpbatch:keys") == b"hash")
        assert not first.proxy.fleet.store.away


async def test_a_key_that_ended_long_ago_leaves_the_store_and_its_revocation_stays(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        old, kept = await created(first), await created(first)
        await second.operate("POST", f"/keys/{old['id']}/revoke")
        fleet = [member.proxy.live.records for member in (first, second)]
        await until(lambda: all(old["id"] in records.revoked for records in fleet), IN_FORCE_S)
        await until(lambda: all(len(records.issued) == 2 for records in fleet), IN_FORCE_S)
        store.kill()
        for records in fleet:
            records.issued[old["id"]] = dataclasses.replace(records.issued[old["id"]], created_s=0.0)
            records.revoked[old["id"]] = Revocation(1.0)
        store.start()
        with Redis(port=store.port) as client:
            await until(lambda: client.hexists("nlpbatch:keys", kept["id"]))
            await until(lambda: not client.hexists("nlpbatch:keys", old["id"]))
            assert client.hexists("nlpbatch:keys", f"{old['id']}:revoked")
        assert (await second.ask(old["key"]))[0] == 401


async def test_no_secret_is_in_the_store(store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path) as (first, second):
        issued = await created(first)
        await second.ask(issued["key"])
        await first.operate("POST", f"/keys/{issued['id']}/revoke")
        with Redis(port=store.port) as client:
            dumped = b"".join(client.dump(key) or b"" for key in client.scan_iter())
            said = str([client.hgetall(key) for key in client.scan_iter() if client.type(key) == b"hash"])
    for key in (issued["key"], KEY):
        secret = key.split("_", 2)[2]
        assert secret.encode() not in dumped
        assert secret not in said


async def test_the_file_keeps_revocations_when_all_proxies_and_the_store_start_again(store, tmp_path):
    keys = {"file": str(tmp_path / "keys.json")}
    async with FakeBackend() as backend:
        async with running_fleet(backend, store.url, tmp_path, keys=keys) as (first, _):
            kept = await created(first)
            await first.operate("POST", f"/keys/{FILE_ID}/revoke")
        store.kill()
        store.start()
        async with running_fleet(backend, store.url, tmp_path, count=1, keys=keys) as (again,):
            assert (await again.ask(kept["key"]))[0] == 200
            assert (await again.ask(KEY))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "members", "status", "code"),
    [
        ("POST", "/keys", {"json": {"tenant": "nobody"}}, 404, "not_found"),
        ("POST", "/keys", {"json": {"tenant": 5}}, 400, "invalid_request"),
        ("POST", "/keys", {"json": {"tenant": "home", "more": "1"}}, 400, "invalid_request"),
        ("POST", "/keys", {"json": {"tenant": "home", "note": 5}}, 400, "invalid_request"),
        ("POST", "/keys", {"json": {"tenant": "home", "expires_at": "2020-01-01"}}, 400, "invalid_request"),
        ("POST", "/keys", {"json": {"tenant": "home", "expires_at": "soon"}}, 400, "invalid_request"),
        ("POST", "/keys", {"data": b"["}, 400, "invalid_request"),
        ("POST", "/keys/000000000000/revoke", {}, 404, "not_found"),
        ("POST", "/keys/%20/revoke", {}, 404, "not_found"),
        ("GET", "/keys?tenant=nobody", {}, 404, "not_found"),
        ("GET", "/audit?since=soon", {}, 400, "invalid_request"),
        ("GET", "/audit?limit=0", {}, 400, "invalid_request"),
        ("POST", "/drain", {"headers": {"Nlpbatch-Actor": " x" * 40}}, 400, "invalid_request"),
    ],
)
async def test_wrong_requests_are_refused_with_the_remedy(method, path, members, status, code, store, tmp_path):
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path, count=1) as (member,):
        got, problem = await member.operate(method, path, **members)
    assert (got, problem["code"]) == (status, code)
