import threading
import time

import pytest

from nlpbatch.alerts.after import with_alert
from nlpbatch.alerts.alert import Alert
from nlpbatch.alerts.delivery import ATTEMPTS, Alerts
from nlpbatch.alerts.hook import HookFailed, HookRefused
from nlpbatch.errors import ConfigError, ExpectationBreached, PatienceExhausted

ALERT = Alert("run", "job", "out", "/out", "failed", "2026-11-02T03:20:00+00:00")
ALL = frozenset({"failed", "look", "done", "breached"})


class Told:
    """A hook that does what it is told, one thing after another."""

    def __init__(self, *does, place="webhook at hooks.example"):
        self.does, self.place, self.got = list(does), place, []

    def send(self, alert, timeout_s):
        assert 0 < timeout_s <= 10
        self.got.append(alert)
        does = self.does.pop(0) if self.does else None
        if isinstance(does, BaseException):
            raise does
        if does is not None:
            does()


def deliver(*hooks, states=ALL, alert=ALERT, **given):
    said, slept = [], []
    Alerts(hooks, states).deliver(alert, said.append, sleep=slept.append, **given)
    return said, slept


def test_an_alert_that_is_not_taken_is_sent_again_after_ever_longer_waits():
    hook = Told(HookFailed("it answered HTTP 503"), HookFailed("it answered HTTP 503"))
    said, slept = deliver(hook)
    assert said == ["alert, webhook at hooks.example: sent"]
    assert len(hook.got) == 3
    assert [0.5 <= slept[0] <= 1.5, 1 <= slept[1] <= 2] == [True, True]


def test_it_is_given_up_after_three_times_with_one_line():
    hook = Told(*[HookFailed("it answered HTTP 503")] * 9)
    said, _ = deliver(hook)
    assert said == ["alert, webhook at hooks.example: not sent: it answered HTTP 503, 3 times"]
    assert len(hook.got) == ATTEMPTS


def test_what_is_refused_is_not_sent_again():
    hook = Told(HookRefused("it answered HTTP 404"))
    assert deliver(hook)[0] == ["alert, webhook at hooks.example: not sent: it answered HTTP 404"]
    assert len(hook.got) == 1


def test_a_defect_of_a_hook_is_a_line_without_what_it_says():
    assert deliver(Told(ValueError("a secret")))[0] == ["alert, webhook at hooks.example: not sent: ValueError"]


def test_one_hook_that_fails_keeps_no_other_from_it():
    good = Told(place="command tell")
    said, _ = deliver(Told(HookRefused("no")), good)
    assert said == ["alert, webhook at hooks.example: not sent: no", "alert, command tell: sent"]
    assert good.got == [ALERT]


def test_a_hook_that_hangs_is_left_when_time_is_up():
    over = threading.Event()
    began_s = time.monotonic()
    try:
        said, _ = deliver(Told(over.wait), Told(place="command tell"), patience_s=0.2)
    finally:
        over.set()
    assert time.monotonic() - began_s < 5
    assert said == [
        "alert, webhook at hooks.example: not sent: it takes more than 0.2 s",
        "alert, command tell: sent",
    ]


def test_no_attempt_is_begun_that_would_end_too_late():
    hook = Told(*[HookFailed("busy")] * 9)
    said, slept = deliver(hook, patience_s=0.4)
    assert (len(hook.got), slept) == (1, [])
    assert said == ["alert, webhook at hooks.example: not sent: busy"]


@pytest.mark.parametrize(("states", "sent"), [(frozenset({"failed"}), 1), (frozenset({"done", "late"}), 0)])
def test_only_states_that_were_asked_for_are_told(states, sent):
    hook = Told()
    deliver(hook, states=states)
    assert len(hook.got) == sent


def ended(work):
    """Return what came of some work with an alert: exit code or error, and the alert."""
    hook, said = Told(), []

    def describe(ending):
        return Alert(
            *("run", "job", "out", "/out", ending.state, ending.ended_at),
            exit_code=ending.exit_code,
            error=ending.error_members,
        )

    try:
        found = with_alert(work, Alerts([hook], ALL), describe, said.append)
    except BaseException as error:  # noqa: BLE001  (what it raises is the result)
        found = error
    return found, [(one.state, one.exit_code, (one.error or {}).get("code")) for one in hook.got]


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "alerts"),
    [
        (lambda: 0, [("done", 0, None)]),
        (lambda: 3, [("look", 3, None)]),
        (raising(PatienceExhausted("away")), [("failed", 1, "patience_exhausted")]),
        (raising(ConfigError("no column")), [("failed", 2, "config_invalid")]),
        (raising(ExpectationBreached("rows")), [("failed", 1, "expectation_breached")]),
        (raising(KeyboardInterrupt()), []),
        (raising(SystemExit(2)), []),
    ],
)
def test_a_run_ends_as_it_would_without_the_alert(work, alerts):
    found, told = ended(work)
    assert told == alerts
    if isinstance(found, BaseException):
        with pytest.raises(type(found)):
            work()
    else:
        assert found == work()


def test_an_error_that_comes_of_ctrl_c_is_nobodys_business():
    def work():
        try:
            raising(KeyboardInterrupt())()
        finally:
            raising(RuntimeError("the JVM is gone"))()

    found, told = ended(work)
    assert (type(found), told) == (RuntimeError, [])


def test_an_alert_that_cannot_be_made_or_is_interrupted_is_a_line():
    for wrong, line in ((KeyError("x"), "not sent: KeyError"), (KeyboardInterrupt(), "interrupted while it was")):
        said = []

        def describe(_ending, wrong=wrong):
            raise wrong

        assert with_alert(lambda: 3, Alerts([Told()], ALL), describe, said.append) == 3
        assert line in said[0]
