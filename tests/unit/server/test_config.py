import tomllib
from pathlib import Path

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.server.config import KiwiSettings, RegisterSettings, ServerSettings, usable_cores
from nlpbatch.serving.settings import check, load

SHIPPED = Path(__file__).parents[3] / "conf" / "server.toml"


def test_the_shipped_file_shows_every_key_with_its_default() -> None:
    assert load(SHIPPED, ServerSettings) == ServerSettings()
    members = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    shown = SHIPPED.read_text(encoding="utf-8")
    for group in ("listen", "limits", "pool", "replay", "cache"):
        assert set(members[group]) == set(type(getattr(ServerSettings(), group)).model_fields) - {"tls"}
    for name in RegisterSettings.model_fields:
        assert f"{name} = " in shown
    for name in KiwiSettings.model_fields:
        assert f"{name} = " in shown


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"pool": {"workers": -1}}, "pool.workers = -1"),
        ({"limits": {"text_bytes": 0}}, "limits.text_bytes = 0"),
        ({"limits": {"body_bytes": 2048}}, "limits.body_bytes = 2048"),
        (
            {"limits": {"text_bytes": 100_000, "body_bytes": 150_000}},
            "text_bytes 100,000 is over body_bytes 150,000 less 65,536",
        ),
        ({"cache": {"size_bytes": 1000}}, "size_bytes 1,000 holds hardly one chunk's outcomes: set 1,048,576 or more"),
        ({"analyzers": {}}, "analyzers"),
        ({"analyzers": {"a/b": {}}}, "analyzers.a/b"),
        ({"analyzers": {"a": {"typos": "all of them"}}}, "analyzers.a.typos = 'all of them'"),
        ({"listen": {"port": 70_000}}, "listen.port = 70000"),
        ({"pool": {"piece_bytes": 8192}}, "pool.piece_bytes: renamed: write chunk_bytes instead"),
    ],
)
def test_values_out_of_range_and_renamed_keys_are_named(members: dict, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(members, ServerSettings, "server.toml")
    assert says in caught.value.message


def test_no_workers_asked_for_means_one_for_each_core() -> None:
    settings = ServerSettings()
    assert settings.pool.to_pool(settings.limits).workers == usable_cores() >= 1


def test_kiwis_options_reach_the_engine_under_kiwis_names() -> None:
    spec = KiwiSettings(model="cong", split_complex=True, load_typo_dict=False).to_spec("legal")
    assert (spec.name, spec.engine, spec.load["model"]) == ("legal", "kiwi", "cong")
    assert spec.load["load_typo_dict"] is False
    assert spec.options["split_complex"] is True
    assert not set(spec.load) & set(spec.options)
