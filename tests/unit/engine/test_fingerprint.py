import pytest

from nlpbatch.engine import fingerprint as module
from nlpbatch.engine.fingerprint import fingerprint

SAME = {"engine": "kiwi 1", "model": "cong 1", "settings": {"load": {"a": 1}, "options": {"b": True, "c": None}}}


def test_the_order_of_settings_does_not_matter() -> None:
    other = SAME | {"settings": {"options": {"c": None, "b": True}, "load": {"a": 1}}}
    assert fingerprint(**SAME) == fingerprint(**other)


@pytest.mark.parametrize(
    "change",
    [{"engine": "kiwi 2"}, {"model": "cong 2"}, {"settings": {"load": {"a": 2}, "options": {"b": True, "c": None}}}],
)
def test_every_ingredient_changes_it(change: dict) -> None:
    assert fingerprint(**SAME) != fingerprint(**SAME | change)


def test_a_changed_rule_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(**SAME)
    monkeypatch.setattr(module, "RULES", module.RULES | {"splitting": "other"})
    assert fingerprint(**SAME) != before


def test_it_is_32_hex_digits() -> None:
    assert len(fingerprint(**SAME)) == 32
    int(fingerprint(**SAME), 16)
