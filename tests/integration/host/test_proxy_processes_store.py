"""The store that processes of a host share, and what ends with their supervisor."""

import asyncio
import os
import signal
import stat

from redis import Redis

from tests.fakes.backend import FakeBackend
from tests.fakes.host_workers import directory
from tests.fakes.running_api import children
from tests.fakes.running_host import PlainLoad, command, configuration, running_host, starting
from tests.fakes.running_store import running_store
from tests.fakes.running_up import alive


def store(host):
    return next((pid for pid in children(host.child.pid) if "unixsocket" in command(pid)), None)


async def test_a_supervisor_that_is_killed_takes_all_with_it(tmp_path):
    async with FakeBackend() as backend, running_host(configuration(tmp_path, backend)) as host:
        processes, meeting = children(host.child.pid), directory(host)
        host.child.kill()
        await host.child.wait()
        async with asyncio.timeout(20):
            while any(map(alive, processes)):
                await asyncio.sleep(0.05)
        assert not meeting.exists()


async def test_the_store_of_a_host_is_reached_by_nobody_else_and_replaced_when_it_dies(tmp_path):
    async with FakeBackend() as backend, running_host(configuration(tmp_path, backend)) as host:
        meeting, victim = directory(host), store(host)
        assert stat.S_IMODE(meeting.stat().st_mode) == 0o700
        for name in ("store.sock", "secret", "assignment.json"):
            assert stat.S_IMODE((meeting / name).stat().st_mode) == 0o600
        secret = (meeting / "secret").read_text()
        assert not any(secret in command(pid) for pid in [host.child.pid, *children(host.child.pid)])
        async with PlainLoad(host.url) as load:
            os.kill(victim, signal.SIGKILL)
            await host.logged("store", 2)
            with Redis(unix_socket_path=str(meeting / "store.sock")) as client:
                async with asyncio.timeout(20):
                    while client.hlen("nlpbatch:members") != 2:  # both have found the new one
                        await asyncio.sleep(0.05)
            await load.more(50)
        assert not load.failures
        assert store(host) not in {None, victim}


async def test_a_configured_store_is_used_instead(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x" * 32)
    with running_store(tmp_path) as shared:
        more = f'[shared]\nurl = "{shared.url}"\nsecret_file = "{secret}"'
        async with FakeBackend() as backend, running_host(configuration(tmp_path, backend, more=more)) as host:
            state = await host.state()
            assert state["shared"]["store"] == shared.url
            await host.until_state(lambda state: len(state["shared"]["proxies"]) == 2)
            assert store(host) is None


async def test_what_cannot_start_says_why_and_leaves_nothing(tmp_path):
    async with FakeBackend() as backend:
        file = configuration(tmp_path, backend)
        async with starting(file, "--processes", "2", "--port", str(backend.port)) as taken:
            assert await taken.child.wait() == 2
        assert f"can't listen on 127.0.0.1:{backend.port}" in "".join(taken.lines)
        missing = configuration(tmp_path, backend, more="[upstream.x]\n")
        async with starting(missing, "--processes", "2") as wrong:
            assert await wrong.child.wait() == 2
        assert "upstream.x: unknown key" in "".join(wrong.lines)
