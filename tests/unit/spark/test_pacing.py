import pytest

from nlpbatch.spark.pacing import Pacing
from nlpbatch.wire.advice import Advice


def follow(tasks, wanted, *, seconds=60, most=8):
    """Let tasks follow the advice on what all of them have outstanding; return that, each second."""
    paces = [Pacing(most) for _ in range(tasks)]
    sums = []
    for step in range(seconds * 4):
        outstanding = sum(pace.in_flight() for pace in paces)
        for number, pace in enumerate(paces):
            pace.advised(Advice(outstanding, wanted), step / 4 + number / 10_000)
        if step % 4 == 0:
            sums.append(outstanding)
    return sums


@pytest.mark.parametrize(("tasks", "wanted"), [(1, 3), (10, 24), (1000, 3000)])
def test_tasks_that_know_nothing_of_each_other_come_to_what_is_wanted_and_stay(tasks, wanted):
    settled = follow(tasks, wanted)[20:]
    assert max(settled) - min(settled) <= max(1, 0.02 * wanted)
    assert settled[-1] == pytest.approx(wanted, rel=0.35)


def test_a_task_always_keeps_one_request_under_way():
    assert follow(100, 10)[-1] == 100


def test_a_task_never_goes_over_what_is_configured():
    assert max(follow(4, 1000)) == 32


def test_what_was_given_up_comes_back_when_there_is_room():
    pace = Pacing(8)
    for step in range(100):
        pace.advised(Advice(100, 10), step)
    assert pace.in_flight() == 1
    for step in range(100, 200):
        pace.advised(Advice(10, 100), step)
    assert pace.in_flight() == 8


def test_one_answer_changes_it_by_a_quarter_at_most_and_many_at_once_count_as_one():
    pace = Pacing(100)
    for _ in range(50):
        pace.advised(Advice(1000, 1), 7.0)
    assert pace.in_flight() == 80


def test_without_advice_it_is_what_is_configured():
    assert Pacing(4).in_flight() == 4
