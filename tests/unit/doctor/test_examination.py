import threading

from nlpbatch.doctor.examination import examine
from nlpbatch.doctor.finding import Check, Finding, worst
from nlpbatch.errors import ConfigError


def fine(name):
    return Finding(name, "fine", "as it should be")


def test_checks_run_side_by_side_and_are_reported_in_their_order():
    both = threading.Barrier(2, timeout=20)

    def meets(name):
        both.wait()
        return [fine(name)]

    seen = []
    found = examine([Check("a", lambda: meets("a"), 20), Check("b", lambda: meets("b"), 20)], seen.extend)
    assert [one.check for one in found] == ["a", "b"]
    assert seen == found


def test_a_check_that_hangs_costs_no_other_its_finding():
    forever = threading.Event()
    hangs = Check("slow", lambda: forever.wait() or [], 0.05, "look at the service")
    slow, other = examine([hangs, Check("other", lambda: [fine("other")])])
    forever.set()
    assert (slow.check, slow.state, slow.remedy) == ("slow", "failed", "look at the service")
    assert other.state == "fine"


def test_an_error_of_ours_is_a_finding_and_so_is_a_defect():
    def refuses():
        raise ConfigError("the address is none")

    def breaks():
        yield fine("before")
        raise LookupError("x" * 1000)

    refused, broken = examine([Check("address", refuses), Check("defect", breaks)])
    assert (refused.state, refused.found) == ("failed", "the address is none")
    assert broken.state == "failed"
    assert "LookupError" in broken.found
    assert len(broken.found) < 300


def test_the_worst_state_counts():
    states = [Finding("x", state, "") for state in ("skipped", "look", "fine")]
    assert worst(states) == "look"
    assert worst([]) == "fine"
