from pathlib import Path

import pytest

from nlpbatch.serving import child as module
from nlpbatch.serving.child import Child, Pauses


class Process:
    """A process that lives until a test says how it ended."""

    def __init__(self, command, **how):
        self.command, self.how = command, how
        self.returncode = None
        self.pid = 1
        STARTED.append(self)

    def poll(self):
        return self.returncode


STARTED: list[Process] = []


@pytest.fixture
def child(monkeypatch):
    STARTED.clear()
    monkeypatch.setattr(module.subprocess, "Popen", Process)
    child = Child("api", ["serve", "--port", "8701"])
    child.start(100.0)
    return child


def test_pauses_grow_and_end_at_half_a_minute():
    pauses = Pauses()
    assert [pauses.after(1.0) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_child_that_ran_for_a_while_starts_with_a_short_pause_again():
    pauses = Pauses()
    assert [pauses.after(ran_s) for ran_s in (1, 1, 1, 60, 59, 3600)] == [0.5, 1, 2, 0.5, 1, 0.5]


def test_a_running_child_is_left_alone(child):
    assert child.tend(1000.0) is None
    assert len(STARTED) == 1


def test_a_child_that_died_is_started_again_with_the_same_arguments_after_its_pause(child):
    STARTED[0].returncode = -9
    assert child.ended
    assert child.tend(103.0) == "the api ended (killed by SIGKILL): starting it again in 0.5 s"
    assert child.tend(103.4) is None
    assert child.tend(103.5) == "the api is started again"
    assert not child.ended
    first, second = STARTED
    assert (first.command, first.how) == (second.command, second.how)
    assert second.command[-3:] == ("serve", "--port", "8701")
    second.returncode = 2
    assert child.tend(104.0) == "the api ended (status 2): starting it again in 1 s"


def test_a_signal_without_a_name_is_shown_by_its_number(child):
    STARTED[0].returncode = -63
    assert "(killed by signal 63)" in child.tend(101.0)


def test_a_child_that_was_never_started_can_be_stopped_and_tended():
    child = Child("api", ["serve"])
    assert (child.pid, child.ended, child.tend(0.0)) == (0, False, None)
    child.stop(1.0)
    child.kill()


def test_a_real_process_is_in_a_session_of_its_own_and_ends_on_request(monkeypatch):
    child = Child("sleeper", [])
    monkeypatch.setattr(child, "_command", ("sleep", "60"))
    child.start(0.0)
    assert Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[3] == str(child.pid)
    child.stop(10.0)
    assert child.ended
    assert not Path(f"/proc/{child.pid}").exists()
