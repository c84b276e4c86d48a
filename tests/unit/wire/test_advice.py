import pytest

from nlpbatch.wire.advice import Advice


def test_it_is_read_as_it_is_written():
    assert Advice.from_header(Advice(200, 24).to_header()) == Advice(200, 24)


def test_members_that_are_not_known_are_ignored():
    assert Advice.from_header("wanted=3, until=noon, outstanding=5") == Advice(5, 3)


@pytest.mark.parametrize("value", [None, "", "wanted=3", "outstanding=x, wanted=3", "outstanding=-1, wanted=3", "5, 3"])
def test_what_is_no_advice_is_none(value):
    assert Advice.from_header(value) is None
