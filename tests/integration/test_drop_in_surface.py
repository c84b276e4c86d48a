"""The drop-in's signatures, settings and refusals, against those of `kiwipiepy.Kiwi`."""

import inspect
import pickle

import kiwipiepy
import pytest

from nlpbatch.kiwi import (
    Kiwi,
    NotRemote,
    TextFailed,
)
from nlpbatch.kiwi.refused_methods import RefusedMethods
from tests.fakes.drop_in import TEXT, read

REFUSED = [
    ("tokenize", (None,), {}),
    ("tokenize", (3,), {}),
    ("tokenize", (b"a",), {}),
    ("tokenize", ([1],), {}),
    ("tokenize", ([None],), {}),
    ("tokenize", (["가", 3],), {}),
    ("tokenize", ("\ud800",), {}),
    ("tokenize", (["가", "\ud800"],), {}),
    ("analyze", (None,), {}),
    ("analyze", ("가",), {"top_n": 0}),
    ("space", (3,), {}),
    ("split_into_sents", (3,), {}),
    ("tokenize", ("가",), {"blocklist": ["1/2"]}),
    ("tokenize", ("가",), {"blocklist": [3]}),
    ("tokenize", ("가",), {"typos": "x"}),
    ("tokenize", ("가",), {"allowed_dialects": "x"}),
    ("tokenize", ("가",), {"allowed_dialects": 3}),
    ("tokenize", ("가",), {"oov_handling": "q"}),
    ("tokenize", ("가",), {"pretokenized": [(0, 99)]}),
    ("tokenize", ("가",), {"pretokenized": [(0, 1, "QQ")]}),
    ("tokenize", (["가"],), {"pretokenized": [(0, 1)]}),
    ("tokenize", ("가",), {"dialect_cost": "a", "allowed_dialects": "jeju"}),
    ("join", ([("a",)],), {}),
    ("join", (["a"],), {}),
    ("join", ([("가", "XX")],), {}),
    ("join", ([("가", 3)],), {}),
    ("join", (None,), {}),
    ("join", ("가",), {}),
]


@pytest.mark.parametrize(
    ("method", "texts", "options"), REFUSED, ids=lambda value: repr(value).encode("ascii", "replace")
)
def test_what_kiwi_refuses_is_refused_as_the_same_kind(served, kiwi, method, texts, options):
    def run(instance):
        found = getattr(instance, method)(*texts, **options)
        return read(found if isinstance(found, list | str) else list(found))

    with pytest.raises(ValueError):
        run(kiwi)
    with pytest.raises(ValueError):
        run(served)


def test_a_text_with_an_error_is_named_by_its_position_and_code(served):
    with pytest.raises(TextFailed, match="text 1 has the error invalid_text") as caught:
        list(served.tokenize(["가", "\ud800"]))
    assert caught.value.details["code"] == "invalid_text"


def test_an_unknown_argument_is_no_argument(served):
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        served.tokenize("가", foo=1)


@pytest.mark.parametrize("name", sorted(set(dir(kiwipiepy.Kiwi)) - set(dir(object))))
def test_everything_that_kiwi_has_is_there_with_its_signature(name):
    if name.startswith("_"):
        return
    there, here = getattr(kiwipiepy.Kiwi, name), getattr(Kiwi, name)
    if isinstance(there, property) or name in dir(RefusedMethods):
        return
    names = [(one.name, one.kind, one.default) for one in inspect.signature(there).parameters.values()]
    assert [(one.name, one.kind, one.default) for one in inspect.signature(here).parameters.values()] == names


def test_kiwi_is_made_as_kiwi_is():
    there = inspect.signature(kiwipiepy.Kiwi.__init__).parameters
    here = inspect.signature(Kiwi.__init__).parameters
    assert [(one.name, one.default) for one in here.values()][: len(there)] == [
        (one.name, one.default) for one in there.values()
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda kiwi: kiwi.add_user_word("골리", "NNP", 0),
        lambda kiwi: kiwi.load_user_dictionary("words.txt"),
        lambda kiwi: kiwi.add_re_word(r"\d+", "SN"),
        lambda kiwi: setattr(kiwi.global_config, "space_tolerance", 2),
        lambda kiwi: setattr(kiwi, "space_tolerance", 2),
        lambda kiwi: kiwi.tokenize("가", override_config=kiwipiepy.KiwiConfig(space_penalty=1.0)),
        lambda kiwi: kiwi.tokenize("가", typos=kiwipiepy.TypoTransformer([])),
        lambda kiwi: kiwi.tokenize("가", blocklist=[("가", "NNG", 1)]),
        lambda kiwi: Kiwi(model_type="sbg", service=kiwi._made_with["service"]),
        lambda kiwi: Kiwi(load_default_dict=False, service=kiwi._made_with["service"]),
        lambda kiwi: Kiwi(model_path="/models", service=kiwi._made_with["service"]),
    ],
)
def test_what_cannot_be_done_from_afar_names_the_remedy(served, call):
    with pytest.raises(NotRemote, match=r"server\.toml|\[analyzers\.NAME\]"):
        call(served)


def test_settings_that_are_as_they_are_anyway_may_be_given(served, kiwi, api):
    assert read(served.tokenize(TEXT, override_config=kiwipiepy.KiwiConfig())) == read(kiwi.tokenize(TEXT))
    served.global_config.space_tolerance = 0
    assert served.model_type == kiwi.model_type
    assert vars(served.global_config) == vars(kiwi.global_config)
    with Kiwi(4, load_default_dict=True, model_type="cong", service=api.url) as made:
        assert made.num_workers == 4


def test_a_kiwi_may_be_sent_to_another_process(served):
    twin = pickle.loads(pickle.dumps(served))
    with twin:
        assert read(twin.tokenize(TEXT)) == read(served.tokenize(TEXT))
    tokens = served.tokenize(TEXT)
    assert read(pickle.loads(pickle.dumps(tokens))) == read(tokens)


def test_the_service_may_come_from_the_environment(api, monkeypatch):
    monkeypatch.setenv("NLPBATCH_SERVICE", api.url)
    with Kiwi() as made:
        assert made.tokenize("가")[0].form == "가"
