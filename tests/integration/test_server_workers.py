"""Workers and forkservers are killed while real Kiwi analyses real reviews: no request fails."""

import os
import signal
from concurrent.futures import Future
from pathlib import Path

import pytest
import urllib3

from nlpbatch.wire.fields import KIWI_FIELDS
from tests.fakes.running_api import Api, alive, children, descriptors, eventually

FIELDS = KIWI_FIELDS
BACK_WITHIN_S = 2.0
"""The bar is 0.1 s; the machines that run tests are noisy."""


@pytest.fixture(autouse=True)
def left_as_it_was_found(api):
    yield
    api.wait_for_workers(2)
    eventually(lambda: (api.metric("nlpbatch_workers_busy"), api.metric("nlpbatch_queue_bytes")) == (0, 0))


def kill(api: Api, *victims: int) -> float:
    """Kill workers; return how long it took until as many others had answered."""
    lost = api.metric("nlpbatch_workers_lost_total")
    for victim in victims:
        os.kill(victim, signal.SIGKILL)

    def back() -> bool:
        # a worker that has grown in an earlier test may be replaced in this time, and is counted, too
        return api.metric("nlpbatch_workers_lost_total") >= lost + len(victims) and api.metric("nlpbatch_workers") == 2

    return eventually(back)


def saturate(api: Api, texts: list[str], requests: int) -> list["Future[urllib3.BaseHTTPResponse]"]:
    """Send the same request several times at once, all fields; return when both workers are busy."""
    asked = [api.threads.submit(api.ask, {"texts": texts, "fields": FIELDS}) for _ in range(requests)]
    eventually(lambda: api.metric("nlpbatch_workers_busy") == 2)
    return asked


def check(asked: list["Future[urllib3.BaseHTTPResponse]"], expected: list) -> int:
    """Check that all answers are Kiwi's but for documents whose worker died; return how many these are."""
    died = 0
    for future in asked:
        answer = future.result()
        assert answer.status == 200
        for outcome, tokens in zip(answer.json()["outcomes"], expected, strict=True):
            if outcome["error"] is None:
                assert outcome["tokens"] == tokens
            else:
                assert outcome["error"]["code"] == "worker_died"
                died += 1
    return died


def test_a_killed_worker_costs_one_document_at_most_and_is_soon_replaced(api, sample, expected):
    asked = saturate(api, sample, 4)
    back_s = kill(api, api.workers()[0])
    print(f"replaced after {back_s * 1000:.0f} ms")
    assert back_s < BACK_WITHIN_S
    assert check(asked, expected) <= 1


def test_all_workers_killed_at_once_cost_one_document_each_at_most(api, sample, expected):
    asked = saturate(api, sample, 4)
    back_s = kill(api, *api.workers())
    print(f"both replaced after {back_s * 1000:.0f} ms")
    assert back_s < BACK_WITHIN_S
    assert check(asked, expected) <= 2


def test_workers_killed_again_and_again_cost_one_document_each_at_most(api, sample, expected):
    asked = saturate(api, sample, 6)
    kills = 0
    while kills < 10 and not all(future.done() for future in asked):
        kill(api, api.workers()[kills % 2])
        kills += 1
    assert kills > 1
    assert check(asked, expected) <= kills


def test_an_idle_worker_that_is_killed_is_replaced_too(api, sample, expected):
    assert kill(api, api.workers()[0]) < BACK_WITHIN_S
    assert check([api.threads.submit(api.ask, {"texts": sample, "fields": FIELDS})], expected) == 0


def test_fifty_killed_workers_leave_no_file_descriptor_and_no_process_behind(api):
    def counts() -> list[int]:
        return [len(descriptors(pid)) for pid in (api.process.pid, api.forkserver())]

    kill(api, api.workers()[0])
    before = counts()
    for _ in range(50):
        kill(api, api.workers()[0])
    assert counts() == before
    assert len(Path(f"/proc/{api.forkserver()}/task/{api.forkserver()}/children").read_text().split()) == 2


def test_a_killed_forkserver_is_replaced_and_its_workers_go_on(api, sample, expected):
    asked = saturate(api, sample, 2)
    old, workers = api.forkserver(), api.workers()
    os.kill(old, signal.SIGKILL)
    assert check(asked, expected) == 0
    assert all(alive(worker) for worker in workers)
    asked = saturate(api, sample, 4)
    kill(api, workers[0])  # which waits for the new forkserver; the other worker doesn't
    kill(api, workers[1])
    assert check(asked, expected) <= 2
    assert children(api.process.pid) != [old]
    assert len(api.workers()) == 2
