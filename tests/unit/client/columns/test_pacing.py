import pytest

from nlpbatch.client.columns.pacing import Pacing
from nlpbatch.errors import BackendFailed, InternalError, Overloaded, QuotaExceeded, ServiceUnreachable
from nlpbatch.wire.advice import Advice

REQUEST = 1000


def in_flight(pace):
    """Return how many full requests a pace lets be under way."""
    running = 0
    while pace.has_room(running, running * REQUEST):
        running += 1
    return running


def follow(tasks, wanted, *, seconds=60, max_requests=8):
    """Let tasks follow the advice on what all of them have outstanding; return that, each second."""
    paces = [Pacing(max_requests, REQUEST) for _ in range(tasks)]
    sums = []
    for step in range(seconds * 4):
        outstanding = sum(in_flight(pace) for pace in paces)
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
    pace = Pacing(8, REQUEST)
    for step in range(100):
        pace.advised(Advice(100, 10), step)
    assert in_flight(pace) == 1
    for step in range(100, 200):
        pace.advised(Advice(10, 100), step)
    assert in_flight(pace) == 8


def test_one_answer_changes_it_by_a_quarter_at_most_and_many_at_once_count_as_one():
    pace = Pacing(100, REQUEST)
    for _ in range(50):
        pace.advised(Advice(1000, 1), 7.0)
    assert in_flight(pace) == 80


def test_without_advice_it_is_what_is_configured():
    assert in_flight(Pacing(4, REQUEST)) == 4


@pytest.mark.parametrize("error", [Overloaded(""), QuotaExceeded(""), ServiceUnreachable(""), BackendFailed("")])
def test_refusals_that_come_together_halve_it_once(error):
    pace = Pacing(8, REQUEST)
    for now_s in (10.0, 10.1, 10.4):
        pace.refused(error, now_s)
    assert in_flight(pace) == 4
    for now_s in (11.0, 12.0, 13.0, 14.0):
        pace.refused(error, now_s)
    assert in_flight(pace) == 1


def test_an_error_of_the_service_itself_says_nothing_of_its_load():
    pace = Pacing(8, REQUEST)
    pace.refused(InternalError(""), 10.0)
    assert in_flight(pace) == 8


def test_each_round_of_answers_without_advice_adds_one_request():
    pace = Pacing(8, REQUEST)
    pace.refused(Overloaded(""), 10.0)
    for expected in (5, 6, 7, 8, 8):
        for _ in range(in_flight(pace)):
            pace.answered(REQUEST)
        assert in_flight(pace) == expected


def test_where_the_proxy_advises_answers_add_nothing_of_their_own():
    pace = Pacing(8, REQUEST)
    pace.advised(Advice(10, 1), 10.0)
    before = in_flight(pace)
    for _ in range(100):
        pace.answered(REQUEST)
    assert in_flight(pace) == before


def test_small_requests_count_for_what_they_hold():
    pace = Pacing(8, REQUEST)
    pace.refused(Overloaded(""), 10.0)
    assert pace.has_room(7, 7 * 100)
    assert not pace.has_room(8, 8 * 100)
