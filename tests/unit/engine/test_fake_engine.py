import os
import signal

import pytest

from nlpbatch.wire.fields import KIWI_FIELDS
from tests.fakes.engine import ObedientEngine, WordEngine


def test_a_token_has_every_field_that_is_offered():
    (token,) = WordEngine().tokens("가")
    assert all(hasattr(token, name) for name in KIWI_FIELDS)


def test_offsets_are_code_points_of_the_text():
    text = " 나는  🇰🇷 간다 "
    assert [text[token.start : token.end] for token in WordEngine().tokens(text)] == text.split()


def test_it_raises_when_it_is_to():
    with pytest.raises(RuntimeError):
        WordEngine(raises="b").tokens("abc")


def test_an_obedient_engine_signs_waits_and_dies(tmp_path, monkeypatch):
    signals = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    gate, order = tmp_path / "gate", tmp_path / "order"
    gate.touch()
    assert len(ObedientEngine().tokens(f"first !sign={order}")) == 2
    ObedientEngine().tokens(f"second !wait={gate} !sign={order} !die")
    assert order.read_text() == "first\nsecond\n"
    assert signals == [(os.getpid(), signal.SIGKILL)]
