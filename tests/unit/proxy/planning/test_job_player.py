"""A simulated job's tasks: what they have under way, and how others take their place."""

import heapq
from itertools import count

import pytest

from nlpbatch.errors import InternalError, Overloaded
from nlpbatch.wire.advice import Advice
from proxy.planning.job_player import JobPlayer
from proxy.planning.workloads import JobWork
from proxy.traffic.ticket import Ticket

ANSWER_S = 1.0
KIB = 1024
OUTSTANDING = 8


class Service:
    """Answers each request after a second, and notes how many are under way."""

    def __init__(self, wanted=None, error=None):
        self.time_s, self.sent, self.under_way, self.steps = 0.0, 0, 0, []
        self._error = error
        self._wanted, self._events, self._count = wanted, [], count()

    def call(self, tenant, job, class_name, size_bytes, answered, *, on_retry, home=None):
        assert (tenant, job, class_name, home) == ("a", "job", "batch", 0)
        self.sent += 1
        self._change(+1)
        if self._error is not None:  # it is sent again, and answered
            on_retry(self._error)
        ticket = Ticket(tenant, job, size_bytes, self.time_s)

        def answer():
            self._change(-1)
            answered(ticket)

        self.after(ANSWER_S, answer)

    def advice(self, _):
        return Advice(OUTSTANDING, self._wanted or OUTSTANDING)

    def home(self):
        return 0

    def now_s(self):
        return self.time_s

    def after(self, delay_s, act):
        heapq.heappush(self._events, (self.time_s + delay_s, next(self._count), act))

    def play(self, job, until_s=100.0):
        player = JobPlayer(
            self, JobWork(**({"tenant": "a", "name": "job", "request_bytes": KIB, "think_s": 0.0} | job))
        )
        player.start()
        while self._events and self._events[0][0] <= until_s:
            self.time_s, _, act = heapq.heappop(self._events)
            act()
        return self

    def at(self, time_s):
        return next((number for since_s, number in reversed(self.steps) if since_s <= time_s), 0)

    def _change(self, by):
        self.under_way += by
        self.steps.append((self.time_s, self.under_way))


def test_tasks_without_an_end_keep_their_requests_under_way():
    service = Service().play({"tasks": 2, "in_flight": 3}, until_s=10.5)
    assert [service.at(second + 0.5) for second in range(10)] == [6] * 10


@pytest.mark.parametrize("tasks", [1, 2])
def test_a_task_that_has_sent_all_ends_with_its_last_answer_and_another_one_follows(tasks):
    job = {"tasks": tasks, "in_flight": 4, "task_bytes": 6 * KIB, "task_gap_s": 0.5}
    service = Service().play(job, until_s=7.4)
    # Four, the other two, half a second of nothing; and again.
    wave = [4, 2, 0, 4, 4, 2]
    times_s = [0.5, 1.5, 2.25, 2.75, 3.25, 4.0]
    assert [service.at(time_s) for time_s in times_s] == [number * tasks for number in wave]


def test_a_job_sends_what_it_has_however_it_is_cut_into_tasks():
    for task_bytes in (None, KIB, 7 * KIB, 1000 * KIB):
        job = {"tasks": 3, "in_flight": 2, "size_bytes": 50 * KIB, "task_bytes": task_bytes}
        service = Service().play(job)
        assert (service.sent, service.under_way) == (50, 0)


def test_each_task_follows_the_advice_by_its_own_answers_and_keeps_one_request():
    service = Service(wanted=1).play({"tasks": 2, "in_flight": 4}, until_s=30.5)
    assert service.at(0.5) == 8
    # By a fifth each second: 4, 3.2, 2.56, 2.05, ... of each task.
    assert [service.at(second + 0.5) for second in range(1, 4)] == [6, 6, 4]
    assert service.at(30.4) == 2


def test_advice_is_not_followed_where_it_is_not_to_be():
    service = Service(wanted=1).play({"tasks": 2, "in_flight": 4, "follows_advice": False}, until_s=10.5)
    assert service.at(10.4) == 8


@pytest.mark.parametrize(
    ("error", "follows", "under_way"),
    [(Overloaded("busy"), True, 2), (Overloaded("busy"), False, 4), (InternalError("a defect"), True, 4)],
)
def test_a_refusal_halves_the_bound_of_a_task_that_follows_advice(error, follows, under_way):
    service = Service(error=error).play({"in_flight": 4, "follows_advice": follows}, until_s=0.5)
    assert service.at(0.4) == under_way


def test_no_request_begins_after_the_end():
    service = Service().play({"in_flight": 2, "end_s": 3.0})
    assert (service.sent, service.under_way) == (6, 0)
