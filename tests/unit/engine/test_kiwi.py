from nlpbatch.engine.kiwi import _dialects, _load_arguments
from nlpbatch.server.config import KiwiSettings


def test_dialects_are_loaded_as_kiwi_takes_them():
    load = KiwiSettings(enabled_dialects=["jeolla", "jeju", "jeju"]).to_spec("default").load
    assert load["enabled_dialects"] == ["jeju", "jeolla"]
    assert _load_arguments(load)["enabled_dialects"] == "jeju,jeolla"
    assert _dialects([]) == "standard"


def test_an_analyzer_without_dialects_keeps_its_fingerprint():
    spec = KiwiSettings().to_spec("default")
    assert "enabled_dialects" not in spec.load
    assert "enabled_dialects" not in spec.options
