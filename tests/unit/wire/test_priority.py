import pytest

from nlpbatch.wire.priority import BATCH, is_batch


@pytest.mark.parametrize("header", [BATCH, "u=5", "u=7", "i, u=6", "u=6, i", "u=6;x", " u=6"])
def test_urgency_5_to_7_is_batch(header):
    assert is_batch(header)


@pytest.mark.parametrize("header", [None, "", "u=0", "u=4", "u=3, i", "u=8", "u=66", "x=6", "high", "U=6"])
def test_anything_else_is_interactive(header):
    assert not is_batch(header)
