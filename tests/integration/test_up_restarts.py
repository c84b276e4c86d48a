"""Processes of `nlpbatch up` are killed while callers go on: it starts them again, and no request fails."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nlpbatch import Client
from tests.fakes.load import Load
from tests.fakes.running_api import children
from tests.fakes.running_up import PATIENCE_S, Up, alive, descendants, started, wait_for

BACK_WITHIN_S = 30.0
"""Half of what the callers' patience is; loading Kiwi takes a few seconds."""


@pytest.fixture
def up(tmp_path):
    running = Up(tmp_path)
    yield running
    running.stop()


def api(up):
    return started(up.process.pid, "nlpbatch serve")


def proxy(up):
    return started(up.process.pid, "nlpbatch proxy serve")


def forkserver(up):
    """Return the API's own child; workers are forked from that, and have the same command."""
    return next(iter(children(api(up))), None)


async def kill(up, find):
    """Kill the process that is found so; return how long it took until there was another."""
    victim = find(up)
    os.kill(victim, signal.SIGKILL)
    killed_s = time.monotonic()
    await asyncio.to_thread(wait_for, lambda: find(up) not in {None, victim})
    return time.monotonic() - killed_s


async def answers_again(load):
    """Return how long it takes until callers have been answered more often than was under way."""
    began_s = time.monotonic()
    await load.answered(40)
    return time.monotonic() - began_s


async def test_api_forkserver_and_proxy_may_be_killed_under_load_and_no_request_fails(up):
    service, key = await asyncio.to_thread(up.wait_ready)
    processes = set()
    async with Load(service, key) as load:
        for find in (api, forkserver, proxy):
            processes |= descendants(up.process.pid)
            new_s, answered_s = await kill(up, find), await answers_again(load)
            print(f"{find.__name__}: a new process after {new_s:.2f} s, 40 answers in {answered_s:.2f} s more")
            assert new_s + answered_s < BACK_WITHIN_S
        assert load.retries > 0
    assert up.process.poll() is None
    ended = re.findall(r"nlpbatch up: the (\w+) ended \(killed by SIGKILL\): starting it again in 0\.5 s", up.said)
    assert ended == ["api", "proxy"]  # the forkserver is the API's own
    processes |= descendants(up.process.pid)
    up.process.terminate()
    assert await asyncio.to_thread(up.process.wait, PATIENCE_S) == 0
    await asyncio.to_thread(wait_for, lambda: not any(map(alive, processes)))


def test_usage_survives_a_killed_proxy_and_its_directory_goes_with_the_end(up):
    service, key = up.wait_ready()
    with Client(service, api_key=key, job="mine") as client:
        client.analyze(["아버지가 방에 들어가신다"] * 3)
        before = client.usage("mine")
        victim = proxy(up)
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: proxy(up) not in {None, victim})
        client.analyze(["어머니가 방에 들어가신다"] * 3)
        after = client.usage("mine")
    assert before.answered == 1
    assert (after.instance, after.answered) == (before.instance, 2)
    assert after.answered_bytes == after.analysed_bytes == 2 * before.answered_bytes
    (ledger,) = re.findall(r"^Usage is counted in (\S+), and forgotten when you stop\.$", up.said, re.MULTILINE)
    assert Path(ledger).is_dir()
    up.process.terminate()
    assert up.process.wait(PATIENCE_S) == 0
    assert not Path(ledger).exists()


async def test_the_end_of_an_api_is_the_end_of_what_it_started(up):
    await asyncio.to_thread(up.wait_ready)
    old = descendants(api(up))
    assert len(old) >= 2  # the process that has Kiwi, a worker
    await kill(up, api)
    await asyncio.to_thread(wait_for, lambda: not any(map(alive, old)))


def test_a_stop_between_a_death_and_the_next_start_leaves_no_process(up):
    up.wait_ready()
    processes = descendants(up.process.pid)
    os.kill(proxy(up), signal.SIGKILL)
    wait_for(lambda: "starting it again in" in up.said)
    up.process.terminate()
    assert up.process.wait(PATIENCE_S) == 0
    assert up.said.endswith("stopped\n")
    wait_for(lambda: not any(map(alive, processes)))


def test_a_process_that_cannot_start_the_first_time_is_given_up(tmp_path):
    config = tmp_path / "proxy.toml"
    config.write_text("[queue]\nrequests = -1\n")
    command = ["up", "--port", "0", "--proxy-config", str(config)]
    done = subprocess.run(
        [sys.executable, "-m", "nlpbatch", *command], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 1
    assert "the proxy ended while starting: see its own message above" in done.stderr
