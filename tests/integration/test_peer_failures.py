"""Answers across proxies when an owner is dead, hangs or answers garbage, and while the store is away."""

import asyncio
import time

import aiohttp
import pytest
import trustme

from tests.fakes.backend import FakeBackend, answer, broken_off, echo, held, raw
from tests.fakes.running_fleet import NAME, RunningFleet, asked_peer, fetches, named, replayed
from tests.fakes.running_proxy import KEY, running_proxy
from tests.fakes.running_store import free_port

MIB = 1024 * 1024


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_of_all_proxies_that_find_the_owner_dead_one_takes_over_and_the_others_ask_it(redis, tmp_path):
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        proxies = [await fleet.join() for _ in range(3)]
        await fleet.pretend(f"http://127.0.0.1:{free_port()}", NAME)
        asking = [proxy.asking(data=b"question", headers=named()) for proxy in proxies for _ in range(3)]
        await backend.received(1)
        await asyncio.sleep(0.2)
        release.set()
        got = await asyncio.gather(*asking)
        assert {(one.status, one.body) for one in got} == {(200, b"question")}
        assert sum(not replayed(one) for one in got) == 1
        assert sum([await proxy.metric("take_overs_total") for proxy in proxies]) == 1
    assert len(backend.exchanges) == 1


async def test_when_the_owner_is_killed_in_the_middle_one_other_proxy_analyses_again(redis, tmp_path):
    release, port = asyncio.Event(), free_port()
    async with (
        FakeBackend(held(asyncio.Event()), held(release, echo())) as backend,
        RunningFleet(redis, tmp_path, backend) as fleet,
        fleet.process(port) as process,
    ):
        others = [await fleet.join() for _ in range(2)]
        session = others[0].session
        killed = asyncio.create_task(
            session.post(f"http://127.0.0.1:{port}/v1/analyze", data=b"question", headers=named())
        )
        await backend.received(1)
        asking = [proxy.asking(data=b"question", headers=named()) for proxy in others]
        for proxy in others:
            await asked_peer(proxy)
        process.kill()
        with pytest.raises(aiohttp.ClientError):
            await killed
        await backend.received(2)
        release.set()
        got = [await one for one in asking]
        assert {(one.status, one.body) for one in got} == {(200, b"question")}
        assert sorted(map(replayed, got)) == [False, True]
        assert sum([await proxy.metric("take_overs_total") for proxy in others]) == 1
    assert len(backend.exchanges) == 2


async def test_a_proxy_that_takes_over_sends_the_request_where_its_analysis_may_be_under_way(redis, tmp_path):
    async with (
        FakeBackend(echo()) as first,
        FakeBackend(echo()) as second,
        RunningFleet(redis, tmp_path, first) as fleet,
    ):
        a = await fleet.join(second)
        for number, backend in enumerate([first, second] * 5):
            name = ("home", f"k{number}")
            await fleet.pretend(f"http://127.0.0.1:{free_port()}", name, backend=backend.url)
            assert (await a.ask(data=name[1].encode(), headers=named(name[1]))).status == 200
        assert await a.metric("take_overs_total") == 10
    assert len(first.exchanges) == len(second.exchanges) == 5
    assert [one.body for one in first.exchanges] == [f"k{number}".encode() for number in range(0, 10, 2)]


async def test_an_address_that_only_another_machine_reaches_is_named_with_the_remedy(redis, tmp_path, caplog):
    async with FakeBackend(echo()) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a = await fleet.join()
        await fleet.pretend(f"http://127.0.0.1:{free_port()}", NAME, ("home", "b"), host="another-machine")
        for key in (NAME[1], "b"):
            assert (await a.ask(data=b"question", headers=named(key))).status == 200
    reasons = [record.reason for record in caplog.records if record.message == "no answer from another proxy"]
    assert reasons == [
        "it is on another-machine, and gave an address that only that machine reaches: set peer.host there"
    ]


@pytest.mark.parametrize("mutual", [False, True])
async def test_peers_speak_tls_and_check_each_other_s_certificates(redis, tmp_path, mutual):
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "peer.pem")
    for name, one in (("ca", authority), ("other-ca", stranger)):
        one.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    tls = {"cert_file": str(tmp_path / "peer.pem"), "key_file": str(tmp_path / "peer.pem")}
    if mutual:
        tls["client_ca_file"] = str(tmp_path / "ca.pem")
    async with FakeBackend(echo()) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b, c = [
            await fleet.join(peer={"tls": tls, "ca_file": str(tmp_path / f"{name}.pem")})
            for name in ("ca", "ca", "other-ca")
        ]
        await a.ask(data=b"question", headers=named())
        assert a.inner.fleet.members.me.peer_url.startswith("https://127.0.0.1:")
        assert replayed(await b.ask(data=b"question", headers=named()))
        assert not replayed(await c.ask(data=b"question", headers=named()))
        assert await fetches(c, "unreachable") == 1


async def test_an_owner_that_the_store_has_not_heard_of_is_not_even_asked(redis, tmp_path):
    async with (
        FakeBackend(echo()) as backend,
        RunningFleet(redis, tmp_path, backend, shared={"alive_s": 0.5}) as fleet,
    ):
        a = await fleet.join()
        await fleet.pretend("http://127.0.0.1:1", NAME)
        await asyncio.sleep(0.6)
        assert (await a.ask(data=b"question", headers=named())).body == b"question"
        assert a.inner.state()["peer_answers"] == {"taken_over": 1}


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    "step",
    [
        raw(b"\x00\xff garbage\r\n\r\n"),
        raw(HEAD + b"\r\n{}"),
        raw(HEAD + b"Nlpbatch-Answer: [\r\n\r\n{}"),
        raw(HEAD + b'Nlpbatch-Answer: {"status": 200, "headers": [["Set-Cookie", "x"]]}\r\n\r\n{}'),
        raw(HEAD + b'Nlpbatch-Answer: {"status": 200, "headers": [["ETag", "\\r\\nX: y"]]}\r\n\r\n{}'),
        raw(HEAD + b'Nlpbatch-Answer: {"status": true, "headers": []}\r\n\r\n{}'),
        raw(HEAD + b'Nlpbatch-Answer: {"status": 200, "headers": 7}\r\n\r\n{}'),
        raw(
            b'HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\nNlpbatch-Answer: {"status":200,"headers":[]}\r\n\r\n'
        ),
        answer(status=500),
        answer(status=302, headers={"Location": "/elsewhere"}),
        answer(status=401),
        broken_off(10, 20),
        broken_off(10, 20, reset=True),
    ],
)
async def test_an_owner_that_answers_garbage_is_replaced(redis, tmp_path, step):
    async with (
        FakeBackend(step) as peer,
        FakeBackend(echo()) as backend,
        RunningFleet(redis, tmp_path, backend) as fleet,
    ):
        a = await fleet.join()
        await fleet.pretend(peer.url, NAME)
        got = await a.ask(data=b"question", headers=named())
        assert (got.status, got.body, replayed(got)) == (200, b"question", False)
        assert await a.metric("take_overs_total") == 1
    assert len(peer.exchanges) == 1


async def test_an_owner_that_hangs_is_replaced(redis, tmp_path, monkeypatch):
    monkeypatch.setattr("proxy.upstream.peers._SILENT_S", 0.2)
    async with (
        FakeBackend(held(asyncio.Event())) as peer,
        FakeBackend(echo()) as backend,
        RunningFleet(redis, tmp_path, backend) as fleet,
    ):
        a = await fleet.join()
        await fleet.pretend(peer.url, NAME)
        assert (await a.ask(data=b"question", headers=named())).body == b"question"
        assert await fetches(a, "unreachable") == 1


async def test_an_analysis_may_take_longer_than_a_question_to_its_owner(redis, tmp_path, monkeypatch):
    monkeypatch.setattr("proxy.forwarding.peer_listener.WAIT_S", 0.05)
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b = await fleet.join(), await fleet.join()
        first = a.asking(data=b"question", headers=named())
        await backend.received(1)
        second = b.asking(data=b"question", headers=named())
        await asyncio.sleep(0.5)
        release.set()
        assert [replayed(await one) for one in (first, second)] == [False, True]
    assert len(backend.exchanges) == 1


async def test_a_caller_that_hangs_up_while_another_proxy_is_asked_leaves_nothing(redis, tmp_path):
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b = await fleet.join(), await fleet.join()
        first = a.asking(data=b"question", headers=named())
        await backend.received(1)
        gone = b.asking(data=b"question", headers=named())
        await asked_peer(b)
        gone.cancel()
        await b.until("requests_total", 1, status="499")
        await until(lambda: not b.inner._single_flight.knows(*NAME))
        release.set()
        assert (await first).status == 200


async def test_the_listener_lets_in_only_the_fleet_and_only_to_answers(redis, tmp_path):
    async with FakeBackend(echo()) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a = await fleet.join()
        await a.ask(data=b"question", headers=named())
        me, store = a.inner.fleet.members.me, a.inner.fleet.store
        right = {"Authorization": f"Bearer {store.peer_secret}"}
        asked = {"Nlpbatch-Tenant": NAME[0], "Idempotency-Key": NAME[1], "Nlpbatch-Digest": "00" * 32}
        mine = {"Nlpbatch-Owner": me.id}
        for path, headers, status in [
            ("/answer", asked | mine, 401),
            ("/answer", asked | mine | {"Authorization": "Bearer wrong"}, 401),
            ("/answer", asked | mine | {"Authorization": f"Bearer {KEY}"}, 401),
            ("/answer", asked | mine | {"Authorization": "Bearer \xe9"}, 401),
            ("/state", {}, 401),
            ("/state", right, 404),
            ("/answer", right, 404),
            ("/answer", right | asked | {"Nlpbatch-Owner": "another"}, 404),
            ("/answer", right | asked | mine | {"Nlpbatch-Digest": "x"}, 404),
            ("/answer", right | asked | mine, 409),
        ]:
            async with a.session.get(me.peer_url + path, headers=headers) as got:
                body = await got.read()
                assert (got.status, b"question" in body, b"secret" in body) == (status, False, False)
        async with a.session.get("/answer", headers=right) as got:
            assert got.status == 404  # callers have no such path


async def test_while_the_store_is_away_each_proxy_analyses_and_nobody_waits(redis, tmp_path):
    async with (
        FakeBackend(echo()) as backend,
        RunningFleet(redis, tmp_path, backend, shared={"timeout_s": 0.5}) as fleet,
    ):
        a, b = await fleet.join(), await fleet.join()
        redis.pause()
        for proxy in (a, b):
            started_s = time.monotonic()
            assert (await proxy.ask(data=b"question", headers=named())).body == b"question"
            assert time.monotonic() - started_s < 4
        assert len(backend.exchanges) == 2
        redis.resume()
        await until(lambda: not any(proxy.inner.fleet.store.away for proxy in (a, b)))
        await a.ask(data=b"question", headers=named("another"))
        assert replayed(await b.ask(data=b"question", headers=named("another")))
    assert len(backend.exchanges) == 3


async def test_a_claim_that_vanished_from_the_store_costs_an_analysis_and_no_failure(redis, tmp_path):
    async with FakeBackend(echo()) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b = await fleet.join(), await fleet.join()
        await a.ask(data=b"question", headers=named())
        fleet.forget_claims()
        assert not replayed(await b.ask(data=b"question", headers=named()))
        assert replayed(await a.ask(data=b"question", headers=named()))
    assert len(backend.exchanges) == 2


async def test_a_proxy_that_left_is_replaced(redis, tmp_path):
    async with FakeBackend(echo()) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        b = await fleet.join()
        async with RunningFleet(redis, tmp_path, backend) as other:
            a = await other.join()
            await a.ask(data=b"question", headers=named())
        got = await b.ask(data=b"question", headers=named())
        assert (got.body, replayed(got)) == (b"question", False)
        assert await b.metric("take_overs_total") == 1


async def test_the_store_has_neither_keys_nor_text_nor_answers(redis, tmp_path, caplog):
    caplog.set_level("DEBUG")
    async with (
        FakeBackend(answer(b"the answer that was given")) as backend,
        RunningFleet(redis, tmp_path, backend) as fleet,
    ):
        a, b = await fleet.join(), await fleet.join()
        for proxy in (a, b):
            await proxy.ask(data=b"a question of somebody", headers=named())
        found = fleet.dump()
        metrics = (await b.ask("GET", "/metrics", headers={})).body
        state = str(b.inner.state()).encode()
    logged = "\n".join(str(record.__dict__) for record in caplog.records if record.name.startswith("nlpbatch")).encode()
    for word in (NAME[1].encode(), b"somebody", b"that was given", KEY.encode(), b"a secret of the fleet"):
        assert word not in found + metrics + state + logged


async def test_without_a_shared_store_there_is_no_listener(tmp_path):
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        assert proxy.inner.state()["peer_answers"] is None
        assert (await proxy.ask(data=b"question", headers=named())).body == b"question"
