from urllib3.exceptions import ProtocolError

from nlpbatch.client.failures import reason_of


def test_the_reason_is_the_operating_systems_however_deep_it_lies():
    assert reason_of(ProtocolError("aborted", ConnectionResetError(104, "Connection reset by peer"))) == (
        "Connection reset by peer"
    )


def test_the_reason_may_be_the_cause():
    error = RuntimeError("outer")
    error.__cause__ = OSError(111, "Connection refused")
    assert reason_of(error) == "Connection refused"


def test_without_the_operating_system_it_is_the_innermost_class_and_never_its_text():
    assert reason_of(ProtocolError("aborted", ValueError("quotes the text"))) == "ValueError"


def test_errors_that_cause_each_other_are_followed_once():
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert reason_of(one) == "RuntimeError"
