import json
import logging

import pytest

from nlpbatch.errors import ConfigError, InvalidRequest, NotFound
from proxy.config_shared import SharedSettings
from proxy.host.assignment import Assignment
from proxy.host.supervisor import Supervisor
from proxy.host.workers import Reply, WorkerRequest
from proxy.operating.audit import Actor, AuditEntry
from tests.fakes.proxy_parts import proxy_settings

PAUSE = WorkerRequest("POST", "/tenants/a/pause")
KIM = Actor("192.0.2.7", "kim")


def fleet(me):
    return {"store_away": False, "proxies": [{"id": number, "me": number == me} for number in (1, 2, 3)]}


class Worker:
    """A worker that answers what it is given, nothing while it is `deaf`, and remembers what it was asked."""

    def __init__(self, number):
        self.number, self.pid, self.restarts = number, 100 + number, 0
        self.current = self.ended = self.deaf = False
        self.asked = []
        self.replies = {}
        self.entries = []

    async def ask(self, question, **_):
        if self.deaf:
            return None
        if question.path == "/audit":
            self.entries += map(AuditEntry.parse, json.loads(question.body))
            return Reply(204, "", b"")
        self.asked.append(question.path)
        return self.replies.get(question.path, Reply(204, "", b""))

    def state(self, **members):
        state = {"draining": False, "in_progress": 1, "shared": fleet(self.number)} | members
        self.replies["/state"] = Reply(200, "application/json", json.dumps(state).encode())


@pytest.fixture(autouse=True)
def same_log_level():
    level = logging.getLogger().level
    logging.getLogger().setLevel("WARNING")
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture
def workers():
    return [Worker(1), Worker(2)]


@pytest.fixture
async def supervisor(workers, tmp_path):
    made = Supervisor(proxy_settings(), workers, tmp_path, port=8700, shared=SharedSettings())
    for worker in workers:
        made.started(worker)
        await made.join(worker.number, worker.pid)
    return made


async def test_a_worker_that_joins_gets_the_settings_and_every_order(supervisor, workers):
    await supervisor.pause("a", PAUSE, KIM, paused=True)
    await supervisor.order("tenant b", WorkerRequest("POST", "/tenants/b/pause"))
    await supervisor.order("tenant b", WorkerRequest("POST", "/tenants/b/resume"))
    workers[0].pid, workers[0].asked = 200, []
    supervisor.started(workers[0], again=True)
    assert not workers[0].current
    await supervisor.join(1, 200)
    assert workers[0].asked == ["/settings", "/tenants/a/pause", "/tenants/b/resume"]
    assert workers[0].current


async def test_an_order_that_is_refused_is_not_kept(supervisor, workers):
    refusal = workers[1].replies["/log-level"] = Reply(400, "application/problem+json", b"{}")
    assert await supervisor.order("log-level", WorkerRequest("PUT", "/log-level", b"x")) == refusal
    workers[0].asked = []
    await supervisor.join(1, 101)
    assert workers[0].asked == ["/settings"]


async def test_a_worker_that_misses_an_order_gets_it_when_it_answers_again(supervisor, workers):
    workers[1].deaf = True
    await supervisor.pause("a", PAUSE, KIM, paused=True)
    assert [worker.current for worker in workers] == [True, False]
    await supervisor.catch_up()
    assert not workers[1].current
    workers[1].deaf, workers[0].asked = False, []
    await supervisor.catch_up()
    assert workers[1].asked[-2:] == ["/settings", "/tenants/a/pause"]
    assert (workers[1].current, workers[0].asked) == (True, [])


async def test_new_settings_reach_all_and_end_an_order_about_the_log_level(supervisor, workers, tmp_path):
    await supervisor.order("log-level", WorkerRequest("PUT", "/log-level", b"x"))
    wanted = proxy_settings(queue={"requests": 7})
    await supervisor.adopt(wanted)
    assert (supervisor.generation, Assignment.read(tmp_path).generation) == (2, 2)
    assert Assignment.read(tmp_path).settings.queue.requests == 7
    assert Assignment.read(tmp_path).settings.listen.port == 8700
    assert [worker.asked[-1] for worker in workers] == ["/settings", "/settings"]


async def test_settings_that_cannot_be_used_reach_no_worker(supervisor, workers, tmp_path):
    for worker in workers:
        worker.asked = []
    with pytest.raises(ConfigError, match="ca_file"):
        await supervisor.adopt(proxy_settings(upstream={"ca_file": "/nowhere"}))
    assert (supervisor.generation, Assignment.read(tmp_path).generation) == (1, 1)
    assert [worker.asked for worker in workers] == [[], []]


@pytest.mark.parametrize(("number", "pid"), [(3, 101), (1, 999)])
async def test_a_process_that_is_no_worker_is_not_let_in(supervisor, number, pid):
    with pytest.raises(InvalidRequest, match=f"process {pid} is not worker {number}"):
        await supervisor.join(number, pid)


async def test_a_tenant_that_is_not_there_is_named_with_those_that_are(supervisor):
    with pytest.raises(NotFound, match="no tenant 'x': choose from a, b, c, d"):
        await supervisor.pause("x", PAUSE, KIM, paused=True)


def recorded(*workers):
    """Return what was written down of each change, and by whom."""
    return [
        (one.action, one.target, one.before, one.after, one.address, one.by) for each in workers for one in each.entries
    ]


async def test_each_change_is_in_the_audit_log_once_with_who_made_it(supervisor, workers):
    resume = WorkerRequest("POST", "/tenants/a/resume")
    await supervisor.pause("a", PAUSE, KIM, paused=True)
    await supervisor.pause("a", resume, Actor("192.0.2.8"), paused=False)
    await supervisor.set_log_level("error", WorkerRequest("PUT", "/log-level", b"x"), KIM)
    await supervisor.drain(WorkerRequest("POST", "/drain"), KIM)
    await supervisor.adopt(proxy_settings(queue={"requests": 7}))
    before = proxy_settings().queue.requests
    assert recorded(*workers) == [
        ("tenant.pause", "a", False, True, "192.0.2.7", "kim"),
        ("tenant.resume", "a", True, False, "192.0.2.8", ""),
        ("log_level", "proxy", "warning", "error", "192.0.2.7", "kim"),
        ("drain", "proxy", False, True, "192.0.2.7", "kim"),
        (
            "config.reload",
            "proxy.toml",
            None,
            {"generation": 2, "settings": {"queue.requests": {"before": before, "after": 7}}},
            "",
            "",
        ),
    ]
    assert len({entry.id for entry in workers[0].entries}) == 5


async def test_a_change_that_no_worker_made_or_that_was_refused_is_not_in_the_audit_log(supervisor, workers):
    workers[0].replies["/drain"] = Reply(400, "application/problem+json", b"{}")
    await supervisor.drain(WorkerRequest("POST", "/drain"), KIM)
    with pytest.raises(NotFound):
        await supervisor.pause("x", PAUSE, KIM, paused=True)
    assert recorded(*workers) == []


async def test_an_audit_entry_waits_until_a_worker_takes_it_over(supervisor, workers):
    for worker in workers:
        worker.deaf = True
    await supervisor.pause("a", PAUSE, KIM, paused=True)
    workers[1].deaf = False
    await supervisor.catch_up()
    await supervisor.catch_up()
    assert recorded(*workers) == [("tenant.pause", "a", False, True, "192.0.2.7", "kim")]


async def test_the_state_has_the_sums_and_shows_which_worker_does_not_answer(supervisor, workers):
    workers[0].state(in_progress=2, draining=True)
    workers[1].state(in_progress=3)
    state = await supervisor.state()
    assert (state["in_progress"], state["draining"], state["generation"]) == (5, False, 1)
    assert [(one["process"], one["pid"], one["serving"]) for one in state["processes"]] == [
        (1, 101, True),
        (2, 102, True),
    ]
    assert [one["me"] for one in state["shared"]["proxies"]] == [True, True, False]
    workers[1].ended = True
    state = await supervisor.state()
    assert (state["in_progress"], state["draining"]) == (2, True)
    assert [one["serving"] for one in state["processes"]] == [True, False]


async def test_it_is_ready_while_one_worker_is(supervisor, workers):
    for worker, ready in zip(workers, (False, True), strict=True):
        backends = [{"url": "http://b", "ready": ready, "workers": 2}]
        body = json.dumps({"ready": ready, "backends": backends}).encode()
        worker.replies["/readyz"] = Reply(200, "application/json", body)
    ready, members = await supervisor.readiness()
    assert (ready, members["backends"]) == (True, [{"url": "http://b", "ready": True, "workers": 2}])
    workers[1].deaf = True
    assert (await supervisor.readiness())[0] is False


async def test_what_all_have_in_common_is_asked_of_one(supervisor, workers):
    workers[0].deaf = True
    reply = workers[1].replies["/keys"] = Reply(200, "application/json", b"{}")
    assert await supervisor.ask_one(WorkerRequest("GET", "/keys")) == reply
    workers[1].deaf = True
    assert await supervisor.ask_one(WorkerRequest("GET", "/keys")) is None
