"""The engine calls Kiwi's class in C past its wrapper in Python: every field of every token is as through it."""

from operator import attrgetter
from typing import Any

import kiwipiepy
import pytest

from nlpbatch.engine.dictionary import DictionaryEntry
from nlpbatch.engine.kiwi import KiwiEngine
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.server.config import KiwiSettings
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.options import TYPOS

FIELDS = attrgetter(*KIWI_FIELDS)
TEXTS = [
    "",
    " \n",
    "아버지가 방에 들어가신다. 외않되나요 정말 그러치 않아요",
    "먹었어욥ㅋㅋㅋ 시곗바늘 #태그 https://a.kr/?q=가 @user 1,234.5% (가나) “인용”\n漢字 English",
    "카페인중독환자 드디어패트와 매트가 2017년에 국내 개봉했다.",
]
OPTIONS: list[dict[str, Any]] = [
    {},
    *({"typos": typos, "typo_cost_threshold": 3.5} for typos in TYPOS),
    {"normalize_coda": True, "z_coda": False, "split_complex": True, "compatible_jamo": True},
    {"saisiot": True},
    {"saisiot": False},
    {"open_ending": True},
    {"match_options": ["url", "hashtag"]},
    {"oov_handling": "rule"},
    {"blocklist": ["아버지/NNG", "방"]},
    {"allowed_dialects": ["jeju"], "dialect_cost": 1.0},
]


@pytest.fixture(scope="module")
def engine() -> KiwiEngine:
    return KiwiEngine(KiwiSettings().to_spec("default"))


def read(tokens: Any) -> list[Any]:
    return list(map(FIELDS, tokens))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_its_tokens_are_those_of_tokenize_with_the_same_options(engine: KiwiEngine, options: dict[str, Any]) -> None:
    tokenize = engine.tokenizer(options)
    for text in TEXTS:
        assert read(tokenize(text)) == read(engine._kiwi.tokenize(text, **engine._with(options)))


def test_rules_of_the_dictionary_hold(kiwi: kiwipiepy.Kiwi) -> None:
    rule = DictionaryEntry("", "pattern", (r"[0-9]+년", "NNP"))
    engine = KiwiEngine(EngineSpec("default", dictionary=(rule,)))
    found, plain = read(engine.tokenizer({})(TEXTS[-1])), read(kiwi.tokenize(TEXTS[-1]))
    assert found == read(engine._kiwi.tokenize(TEXTS[-1]))
    assert ("2017년", "NNP") in {token[:2] for token in found} - {token[:2] for token in plain}


def test_spans_of_a_text_go_through_the_wrapper(engine: KiwiEngine) -> None:
    spans = [(3, 9), (11, 16, "NNG")]
    text = "드디어패트와 매트가 2017년에 국내 개봉했다."
    assert read(engine.tokenizer({})(text, pretokenized=spans)) == read(engine._kiwi.tokenize(text, pretokenized=spans))


def test_this_version_of_kiwi_is_called_directly(engine: KiwiEngine) -> None:
    assert engine._kiwi.arguments_for({}) is not None


def test_a_kiwi_that_works_otherwise_is_called_as_everybody_does(
    engine: KiwiEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(engine._kiwi), "arguments_for", lambda *_: None)
    assert engine.tokenizer({}).func == engine._kiwi.tokenize  # type: ignore[attr-defined]
    assert read(engine.tokenizer({})(TEXTS[2])) == read(engine._kiwi.tokenize(TEXTS[2]))
