import pytest

from nlpbatch.errors import ServiceUnreachable
from nlpbatch.spark.runs import usage
from nlpbatch.spark.runs.usage import UsagePoller
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.wire.options import Options
from nlpbatch.wire.usage import Usage
from tests.fakes.clock import FakeClock


class Service:
    """Answers in the client's place with what is written for each time it is asked."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def __call__(self, *_, **__):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def usage(self, job):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        assert job == answer.job
        return answer


def count(analysed, at="", complete="", instance="one"):
    return Usage(instance, "2026-11-27", "out-1", analysed=analysed, at=at, complete_until=complete)


def poller(monkeypatch, *answers):
    monkeypatch.setattr(usage, "Client", Service(*answers))
    clock = FakeClock()
    return UsagePoller(ServiceCall("http://proxy", Options.checked("analyze", {}), "out-1"), clock), clock


def test_it_asks_until_what_other_proxies_had_answered_is_in_the_ledger(monkeypatch):
    asked, clock = poller(
        monkeypatch, count(3, "t5", "t4"), count(3, "t6", "t4"), count(7, "t7", "t5"), count(9, "t8", "t8")
    )
    assert [count["analysed"] for count in asked.now()] == [7]
    assert len(clock.slept) == 2


def test_a_proxy_without_a_ledger_is_asked_once(monkeypatch):
    asked, clock = poller(monkeypatch, count(3))
    assert [count["analysed"] for count in asked.now()] == [3]
    assert clock.slept == []


def test_a_ledger_that_stays_incomplete_is_not_waited_for_for_long(monkeypatch):
    asked, clock = poller(monkeypatch, count(3, "t5", "t4"))
    assert [count["analysed"] for count in asked.now()] == [3]
    assert sum(clock.slept) == pytest.approx(5.0, abs=0.2)


def test_the_last_counts_stay_when_no_proxy_answers(monkeypatch):
    asked, _ = poller(monkeypatch, count(3), count(4, instance="two"), ServiceUnreachable("away"))
    for _ in range(3):
        found = asked.now()
    assert {count["instance"]: count["analysed"] for count in found} == {"one": 3, "two": 4}
