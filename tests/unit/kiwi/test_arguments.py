import kiwipiepy
import pytest

from nlpbatch.kiwi import Dialect, KiwiConfig, Match, MorphemeSet, NotRemote, Refused
from nlpbatch.kiwi.arguments import DEFAULTS, TYPOS, to_options
from nlpbatch.wire.options import Options

PLAIN = {
    "normalize_coda": False,
    "z_coda": True,
    "split_complex": False,
    "compatible_jamo": False,
    "match_options": ["url", "email", "hashtag", "mention", "serial", "emoji"],
    "saisiot": None,
    "open_ending": False,
    "oov_handling": "chr",
    "blocklist": None,
    "typos": "none",
    "allowed_dialects": ["standard"],
}


def test_kiwi_s_defaults_are_asked_for_whatever_the_analyzer_has():
    assert to_options({}) == PLAIN
    Options.checked("analyze", to_options({}))


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"normalize_coda": True}, {"normalize_coda": True}),
        ({"match_options": Match.URL | Match.NORMALIZING_CODA}, {"match_options": ["url"], "normalize_coda": True}),
        ({"match_options": 0}, {"match_options": []}),
        ({"match_options": Match.ALL | Match.MERGE_SAISIOT}, {"saisiot": False}),
        ({"match_options": Match.ALL | Match.MERGE_SAISIOT, "saisiot": True}, {"saisiot": True}),
        ({"oov_handling": "rule"}, {"oov_handling": "rule"}),
        ({"oov_handling": kiwipiepy.Match.OOV_CHR_FREQ_MODEL}, {"oov_handling": "chr_freq"}),
        ({"blocklist": ["방/NNG", ("고맙", "VA"), "걷"]}, {"blocklist": ["걷", "고맙/VA", "방/NNG"]}),
        ({"blocklist": MorphemeSet(None, ["방"])}, {"blocklist": ["방"]}),
        ({"typos": "all"}, {"typos": "basic_with_continual_and_lengthening", "typo_cost_threshold": 2.5}),
        ({"typos": kiwipiepy.basic_typos}, {"typos": "basic", "typo_cost_threshold": 2.5}),
        (
            {"allowed_dialects": "jeju,gyeonggi", "dialect_cost": 1.0},
            {"allowed_dialects": ["gyeonggi", "jeju"], "dialect_cost": 1.0},
        ),
        ({"allowed_dialects": Dialect.제주}, {"allowed_dialects": ["jeju"], "dialect_cost": 3.0}),
        ({"allowed_dialects": kiwipiepy.Dialect.JEJU}, {"allowed_dialects": ["jeju"], "dialect_cost": 3.0}),
        ({"override_config": KiwiConfig()}, {}),
    ],
    ids=str,
)
def test_arguments_become_options_that_the_service_takes(given, changed):
    found = to_options(given)
    expected = PLAIN | changed
    assert found == expected
    Options.checked("analyze", found)


@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        ({"match_options": "all"}, Refused, "match_options is a str"),
        ({"match_options": 1 << 30}, Refused, "unknown bits 0x40000000"),
        ({"oov_handling": "guess"}, Refused, "unknown oov_handling option 'guess'"),
        ({"oov_handling": []}, Refused, "oov_handling is a list"),
        ({"blocklist": "방"}, Refused, "blocklist is a str"),
        ({"blocklist": [("a", "b", "c", "d")]}, Refused, "a morpheme is a tuple"),
        ({"blocklist": [("방", "NNG", 1)]}, NotRemote, "number of a sense"),
        ({"typos": "most"}, Refused, "typos is 'most'"),
        ({"typos": 3}, NotRemote, "typos is a int"),
        ({"allowed_dialects": "seoul"}, Refused, "unknown dialect name 'SEOUL'"),
        ({"allowed_dialects": 32}, Refused, "a dialect is a int"),
        ({"override_config": KiwiConfig(space_tolerance=2)}, NotRemote, "override_config.space_tolerance is 2"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(given, kind, why):
    with pytest.raises(kind, match=why):
        to_options(given)


@pytest.mark.parametrize(("ours", "theirs"), [(Match, kiwipiepy.Match), (Dialect, kiwipiepy.Dialect)])
def test_flags_are_kiwi_s(ours, theirs):
    assert {name: int(value) for name, value in ours.__members__.items()} == {
        name: int(value) for name, value in theirs.__members__.items()
    }


def test_names_of_typos_are_kiwi_s():
    assert all(hasattr(kiwipiepy, there) for there in TYPOS.values())
    assert vars(KiwiConfig()) == vars(kiwipiepy.KiwiConfig())
    assert set(DEFAULTS) > {"typos", "typo_cost_threshold"}
