"""Streams of both clients over real connections: what is left behind when one is given up."""

import asyncio
import threading

import pytest

from nlpbatch import AsyncClient, Client, RetryPolicy, errors
from nlpbatch.client.bulk import PART_DOCUMENTS
from tests.fakes.service import (
    ScriptedService,
    analysis,
    drip,
    hang,
    problem,
)

PATIENT = RetryPolicy(patience_s=10, backoff_base_s=0.02)
TEXTS = [f"{number} 글" for number in range(6 * PART_DOCUMENTS)]
STUCK = str(2 * PART_DOCUMENTS + 5)
"""A word of the third part."""


def stuck_on(word, otherwise):
    """Return a step that analyses, but for requests that have a word."""

    def step(exchange):
        exchange.read_body()
        exchange.read_body = lambda: exchange.body
        (otherwise if f'"{word} '.encode() in exchange.body else analysis())(exchange)

    return step


@pytest.mark.parametrize(
    "fault",
    [hang(), problem(errors.QueueFull("…", retry_after_s=100.0)), drip(0.01)],
    ids=["no answer", "a wait", "half an answer"],
)
def test_an_iterator_that_is_dropped_leaves_no_thread_behind(fault):
    before = set(threading.enumerate())
    with ScriptedService(stuck_on(STUCK, fault)) as service, Client(service.url, retry=PATIENT) as client:
        outcomes = client.analyze(iter(TEXTS))
        forms = [next(outcomes).tokens[0].form for _ in range(2 * PART_DOCUMENTS)]
        assert forms == [text.split()[0] for text in TEXTS[: 2 * PART_DOCUMENTS]]
        ours = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("nlpbatch")]
        assert ours
        del outcomes
        for thread in ours:
            thread.join(10)
            assert not thread.is_alive()


async def test_an_async_iterator_that_is_closed_leaves_no_task_behind():
    with ScriptedService(stuck_on(STUCK, hang())) as service:
        async with AsyncClient(service.url, retry=PATIENT) as client:
            before = asyncio.all_tasks()
            async with client.analyze(iter(TEXTS)) as outcomes:
                forms = [(await anext(outcomes)).tokens[0].form for _ in range(2 * PART_DOCUMENTS)]
                assert len(asyncio.all_tasks()) > len(before)
            assert asyncio.all_tasks() == before
    assert forms == [text.split()[0] for text in TEXTS[: 2 * PART_DOCUMENTS]]
