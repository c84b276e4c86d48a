"""MeCab-ko's workers and forkserver are killed, or hang, while they analyse reviews, as Kiwi's are."""

import os
import signal

import pytest
from mecab import MeCab

from tests.fakes.running_api import alive, children, eventually, running_api

CONFIG = """
[pool]
workers = 2
[limits]
document_s = 2.0
[analyzers.default]
engine = "mecab"
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with running_api("kiwi", tmp_path_factory.mktemp("mecab"), CONFIG) as running:
        yield running


def saturate(api, texts):
    """Send requests that take seconds; return when both workers are at work."""
    asked = [api.threads.submit(api.ask, {"texts": texts, "fields": ["form", "tag"]}) for _ in range(4)]
    eventually(lambda: api.metric("nlpbatch_workers_busy") == 2)
    return asked


def errors(asked, texts, sample):
    """Check that all tokens are MeCab's; return the codes of the documents without."""
    expected = [[(token.surface, token.pos) for token in row] for row in map(MeCab().parse, sample)]
    found = []
    for answer in asked:
        outcomes = answer.result().json()["outcomes"]
        assert len(outcomes) == len(texts)
        for number, one in enumerate(outcomes):
            if one["error"] is not None:
                found.append(one["error"]["code"])
                continue
            tokens = [(token["form"], token["tag"]) for token in one["tokens"]]
            assert tokens == expected[number % len(sample)]
    return found


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, "worker_died"), (signal.SIGSTOP, "deadline_exceeded")])
def test_a_worker_that_is_killed_or_hangs_costs_one_text_at_most(api, sample, sent, code):
    lost = api.metric("nlpbatch_workers_lost_total")
    texts = sample * 10
    asked = saturate(api, texts)
    os.kill(api.workers()[0], sent)
    assert errors(asked, texts, sample) in ([], [code])
    eventually(lambda: api.metric("nlpbatch_workers_lost_total") == lost + 1)
    api.wait_for_workers(2)
    assert errors([api.asking(*sample)], sample, sample) == []


def test_a_killed_forkserver_is_replaced_and_its_workers_go_on(api, sample):
    asked = saturate(api, sample * 10)
    old, workers = api.forkserver(), api.workers()
    os.kill(old, signal.SIGKILL)
    assert errors(asked, sample * 10, sample) == []
    assert all(map(alive, workers))
    eventually(lambda: children(api.process.pid) not in ([], [old]))
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: len(set(api.workers()) - set(workers)) == 2)
    api.wait_for_workers(2)
    assert errors([api.asking(*sample)], sample, sample) == []
