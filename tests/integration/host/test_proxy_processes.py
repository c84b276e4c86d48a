"""Several processes on one port: to callers and operator they are one proxy."""

import asyncio
import itertools
import os
import re
import signal
import time
from datetime import datetime

import aiohttp
import pytest

from nlpbatch.cli.stack import Stack, StackOptions
from tests.fakes.backend import FakeBackend, answer, held
from tests.fakes.host_workers import directory
from tests.fakes.load import Load
from tests.fakes.running_api import children
from tests.fakes.running_host import PlainLoad, command, configuration, counts, running_host
from tests.fakes.running_proxy import AUTHORIZED
from tests.fakes.running_up import alive

REPLACED_WITHIN_S = 5.0
"""On a machine that does nothing else it takes about one second, which the test prints."""
ASKED = ("nlpbatch_proxy_requests_total", ("status", "200"), ("tenant", "home"))


async def ask(session):
    async with session.post("/v1/analyze", data=b"{}") as got:
        return got.status, await got.json()


def callers(host, **keywords):
    return aiohttp.ClientSession(host.url, headers=AUTHORIZED, connector=aiohttp.TCPConnector(limit=0), **keywords)


async def test_requests_are_served_by_all_and_the_state_has_sums_and_parts(tmp_path):
    release = asyncio.Event()
    async with (
        FakeBackend(held(release)) as backend,
        running_host(configuration(tmp_path, backend)) as host,
        callers(host) as session,
    ):
        asking = [asyncio.create_task(ask(session)) for _ in range(60)]
        await host.until_state(lambda state: state["in_progress"] == 60)
        state = await host.state()
        parts = [one["in_progress"] for one in state["processes"]]
        assert sum(parts) == state["tenants"]["home"]["in_flight"] == state["backends"][0]["in_flight"] == 60
        assert min(parts) > 10  # 60 connections, spread by the kernel
        assert (state["generation"], state["draining"], state["backends"][0]["workers"]) == (1, False, 2)
        assert state["shared"]["same_config"]
        await host.until_state(lambda state: [one["me"] for one in state["shared"]["proxies"]] == [True, True])
        release.set()
        assert {status for status, _ in await asyncio.gather(*asking)} == {200}
        async with session.get("/readyz") as got:
            assert (got.status, (await got.json())["ready"]) == (200, True)


async def test_the_metrics_of_any_worker_are_those_of_all(tmp_path):
    async with FakeBackend() as backend, running_host(configuration(tmp_path, backend)) as host:
        async with PlainLoad(host.url, fresh=True) as load:
            await load.more(100)
        for _ in range(10):  # a connection each, which reaches any of the workers
            assert (await counts(host.url))[ASKED] == load.answered
        _, text = await host.admin("GET", "/metrics")
        assert "nlpbatch_proxy_processes 2.0" in text.splitlines()
        assert not load.failures


def _has_replaced(state, victim):
    """Return whether all serve, none of them the process that was killed."""
    return all(one["serving"] and one["pid"] != victim for one in state["processes"])


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_killed_worker_is_replaced_and_takes_only_with_it_what_it_had(tmp_path, fresh):
    async with FakeBackend() as backend, running_host(configuration(tmp_path, backend)) as host:
        async with PlainLoad(host.url, fresh=fresh) as load:
            seen = [await counts(host.admin_url)]
            for _ in range(3):
                victim = (await host.pids())[0]
                killed_s = time.monotonic()
                os.kill(victim, signal.SIGKILL)
                async with asyncio.timeout(20):
                    while not _has_replaced(await host.state(), victim):
                        seen.append(await counts(host.admin_url))
                print(f"another worker after {time.monotonic() - killed_s:.2f} s, {len(load.failures)} failures")
                assert time.monotonic() - killed_s < REPLACED_WITHIN_S
                await load.more(100)
                seen.append(await counts(host.admin_url))
        assert len(load.failures) <= 3 * 16
        assert [one["restarts"] for one in (await host.state())["processes"]] == [3, 0]
        for before, after in itertools.pairwise(seen):
            assert {key: (value, after[key]) for key, value in before.items() if after[key] < value} == {}
        ended = host.events("worker", number=1)
        assert ended[0]["what"] == "the worker 1 ended (killed by SIGKILL): starting it again in 0.1 s"
        assert not (await host.stop())


async def test_an_operators_orders_hold_for_all_and_for_workers_that_are_started_later(tmp_path):
    async with FakeBackend() as backend, running_host(configuration(tmp_path, backend)) as host:
        status, state = await host.admin("POST", "/tenants/home/pause")
        assert (status, state["tenants"]["home"]["paused"]) == (200, True)
        assert [one["tenants"]["home"]["paused"] for one in state["processes"]] == [True, True]
        os.kill((await host.pids())[1], signal.SIGKILL)
        await host.logged("worker", 2, number=2)
        await host.until_state(lambda state: all(one["serving"] for one in state["processes"]))
        await _refused(host, "tenant_paused")
        await host.admin("POST", "/tenants/home/resume")
        async with PlainLoad(host.url, fresh=True) as load:
            await load.more(50)
        assert not load.failures
        assert (await host.admin("PUT", "/log-level", json={"level": "error"}))[0] == 204
        assert (await host.admin("PUT", "/log-level", json={"level": "loud"}))[1]["code"] == "invalid_request"
        assert (await host.admin("POST", "/tenants/nobody/pause"))[1]["code"] == "not_found"
        assert (await host.admin("GET", "/nothing"))[1]["code"] == "not_found"
        assert (await host.admin("GET", "/config"))[1]["shared"]["url"] is None
        assert (await host.admin("POST", "/drain"))[0] == 202
        await _refused(host, "draining")


async def test_the_audit_log_has_each_change_once_with_when_who_and_from_where(tmp_path):
    who = {"headers": {"Nlpbatch-Actor": "kim", "Nlpbatch-Address": "203.0.113.9"}}  # the second is nobody's to say
    async with FakeBackend() as backend:
        file = configuration(tmp_path, backend)
        async with running_host(file, processes=3) as host:
            began_s = time.time()
            await host.admin("POST", "/tenants/home/pause", **who)
            await host.admin("POST", "/tenants/home/resume", **who)
            await host.admin("PUT", "/log-level", json={"level": "error"}, **who)
            _, key = await host.admin("POST", "/keys", json={"tenant": "home"}, **who)
            await host.admin("POST", f"/keys/{key['id']}/revoke", **who)
            file.write_text(re.sub(r"\[upstream\]\n", "[upstream]\nretry_min = 7\n", file.read_text()))
            await _until_all_have(host, 2, processes=3)
            os.kill((await host.pids())[0], signal.SIGKILL)  # its successor gets the same orders again
            await host.logged("worker", 2, number=1)
            await host.until_state(lambda state: all(one["serving"] for one in state["processes"]))
            await host.admin("POST", "/drain", **who)
            _, audit = await host.admin("GET", "/audit")
        lines = [one for one in host.log if one["logger"] == "nlpbatch.audit"]
    assert audit["complete"]
    entries = audit["entries"]
    actions = ["tenant.pause", "tenant.resume", "log_level", "key.create", "key.revoke", "config.reload", "drain"]
    assert [one["action"] for one in entries] == [one["event"] for one in lines] == actions
    reload = entries.pop(5)
    assert (reload["address"], reload["by"], reload["after"]["generation"]) == ("", "", 2)
    assert reload["after"]["settings"]["upstream.retry_min"]["after"] == 7
    assert {(one["address"], one["by"]) for one in entries} == {("127.0.0.1", "kim")}
    assert [(one["before"], one["after"]) for one in entries[:2]] == [(False, True), (True, False)]
    times = [datetime.fromisoformat(one["at"]).timestamp() for one in entries]
    assert began_s - 1 < times[0] <= times[-1] < time.time() + 1


async def _refused(host, code):
    """Check that whichever worker is asked refuses."""
    async with callers(host) as session:
        got = await asyncio.gather(*(ask(session) for _ in range(30)))
    assert {(status, problem["code"]) for status, problem in got} == {(503, code)}


async def test_a_changed_file_is_taken_over_by_all_without_a_failure_and_a_bad_one_by_none(tmp_path):
    async with FakeBackend() as backend:
        file = configuration(tmp_path, backend)
        async with running_host(file) as host, PlainLoad(host.url) as load:
            before = (await host.state())["shared"]["proxies"][0]["config"]
            for generation in range(2, 6):
                file.write_text(f"{file.read_text()}\n# {generation}")
                text = re.sub(
                    r"\[upstream\]\n(retry_min.*\n)?", f"[upstream]\nretry_min = {generation}\n", file.read_text()
                )
                file.write_text(text)
                host.child.send_signal(signal.SIGHUP)
                await host.logged("configuration taken over", generation=generation)
                await _until_all_have(host, generation)
                await load.more(50)
            await host.until_state(lambda state: state["shared"]["proxies"][0]["config"] != before)
            await host.until_state(lambda state: state["shared"]["same_config"])

            file.write_text(file.read_text() + "\n[queue]\nrequests = -1\n")
            await host.logged("configuration not taken over")
            os.kill((await host.pids())[0], signal.SIGKILL)  # the new one gets what the others have
            await host.logged("worker", 2, number=1)
            await host.until_state(lambda state: all(one["serving"] for one in state["processes"]))
            assert [one["generation"] for one in (await host.state())["processes"]] == [5, 5]
            await asyncio.sleep(1)  # the file is looked at twice
            assert len(host.events("configuration not taken over")) == 1
            assert len(host.events("configuration taken over")) == 4
            _, text = await host.admin("GET", "/metrics")
            assert {"nlpbatch_proxy_config_valid 0.0", "nlpbatch_proxy_config_generation 5.0"} <= set(text.splitlines())
        assert len(load.failures) <= 16  # of the killed worker
        assert not [one for one in load.failures if isinstance(one, tuple)]


async def _until_all_have(host, generation, processes=2):
    await host.until_state(
        lambda state: [one.get("generation") for one in state["processes"]] == [generation] * processes
    )


async def test_after_sigterm_all_finish_what_they_have_and_nothing_is_left(tmp_path):
    release = asyncio.Event()
    async with (
        FakeBackend(held(release, answer(b'{"x": 1}'))) as backend,
        running_host(configuration(tmp_path, backend)) as host,
        callers(host) as session,
    ):
        asking = [asyncio.create_task(ask(session)) for _ in range(20)]
        await host.until_state(lambda state: state["in_progress"] == 20)
        processes, meeting = children(host.child.pid), directory(host)
        assert len(processes) == 3  # two workers and a store
        host.child.terminate()
        await host.logged("handing over", 2)
        release.set()
        assert await asyncio.gather(*asking) == [(200, {"x": 1})] * 20
        assert await host.stop() == 0
        assert not any(map(alive, processes))
        assert not meeting.exists()
        assert not host.lines


async def test_callers_that_send_again_notice_nothing_of_a_killed_worker():
    with Stack(StackOptions(workers=1, processes=2)) as stack:
        async with Load(stack.service, stack.api_key) as load:
            for victim in [pid for pid in children(stack.pid("proxy")) if "proxy.host" in command(pid)]:
                os.kill(victim, signal.SIGKILL)
                await load.answered(40)
