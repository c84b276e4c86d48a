"""Options against what an analyzer states of itself."""

import pytest

from nlpbatch.engine.operations import OPERATIONS_OF_TEXT_ENGINES
from nlpbatch.errors import InvalidOption, UnknownField, UnknownOperation
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.fields import KIWI_FIELDS, MECAB_FIELDS
from nlpbatch.wire.options import Options
from nlpbatch.wire.options.offered import resolve

KIWI = AnalyzerInfo("default", "f", "kiwipiepy 1", "cong", {}, KIWI_FIELDS, OPERATIONS_OF_TEXT_ENGINES)
MECAB = AnalyzerInfo("fast", "f", "mecab 1", "dic", {}, MECAB_FIELDS, OPERATIONS_OF_TEXT_ENGINES[:1], tagset="mecab-ko")


@pytest.mark.parametrize(
    ("info", "given"),
    [
        (KIWI, {"tags": ["VV-R", "W_URL"], "stopwords": ["가/JKS"], "typos": "basic"}),
        (MECAB, {"tags": ["VV", "NNBC"], "stopwords": ["입니다/VCP+EF", "/SY", "가"], "fields": ["form", "reading"]}),
    ],
)
def test_what_the_analyzer_offers_is_taken(info, given):
    options = Options.checked("analyze", given)
    assert resolve(options, info) == options


@pytest.mark.parametrize(
    ("info", "given", "error", "wanted"),
    [
        (KIWI, {"fields": ["reading"]}, UnknownField, "analyzer 'default' has no token field 'reading'"),
        (MECAB, {"fields": ["lemma"]}, UnknownField, "analyzer 'fast' has no token field 'lemma': choose from form"),
        (KIWI, {"tags": ["NNBC"]}, InvalidOption, "tags has 'NNBC', but the tokens of analyzer 'default' have tags of"),
        (MECAB, {"tags": ["NNG", "VV-R"]}, InvalidOption, "tags has 'VV-R'.*tags of mecab-ko: choose from NNG"),
        (MECAB, {"stopwords": ["/W_URL"]}, InvalidOption, "stopwords has 'W_URL'"),
        (MECAB, {"stopwords": ["가/VV+Z_CODA"]}, InvalidOption, "stopwords has 'Z_CODA'"),
        (MECAB, {"stopwords": True}, InvalidOption, "stopwords: true is Kiwi's, but analyzer 'fast' is mecab 1"),
        (MECAB, {"typos": "basic"}, InvalidOption, "typos is Kiwi's"),
        (MECAB, {"sentences": True}, InvalidOption, "sentences is Kiwi's"),
        (MECAB, {"candidates": True}, InvalidOption, "candidates is Kiwi's"),
        (MECAB, {"top_n": 2}, InvalidOption, "top_n is Kiwi's"),
    ],
)
def test_what_it_would_ignore_is_refused_with_the_choice(info, given, error, wanted):
    with pytest.raises(error, match=wanted):
        resolve(Options.checked("analyze", given), info)


@pytest.mark.parametrize("operation", ["sentences", "space", "join", "glue", "call"])
def test_operations_that_it_lacks_are_refused(operation):
    with pytest.raises(UnknownOperation, match=r"analyzer 'fast' (doesn't offer|has no operations)"):
        resolve(Options(operation), MECAB)
