"""Operations over an engine whose tokens have no more than form, tag and place, and tags that join several."""

from typing import NamedTuple

import pyarrow as pa
import pytest

from nlpbatch.engine.contents import Text
from nlpbatch.engine.documents import from_json, from_texts, have_spans
from nlpbatch.engine.operations import token_performer
from nlpbatch.engine.split import LIMIT
from nlpbatch.wire.options import Options


class Token(NamedTuple):
    form: str
    tag: str
    start: int
    end: int


class Tagged:
    """Takes `form/TAG` between blanks for a token."""

    def tokenizer(self, options):
        assert not options
        return self.tokens

    def is_stopword(self, _):
        raise AssertionError("it has no list of stop words")

    def tokens(self, text, *, pretokenized=None):
        assert pretokenized is None
        found, end = [], 0
        for word in text.split():
            start = text.index(word, end)
            end = start + len(word)
            form, _, tag = word.partition("/")
            found.append(Token(form, tag, start, end))
        return found


def tokens(text, **options):
    return token_performer(Tagged(), Options(**options))(Text(text)).tokens


TEXT = "가/VV+EC 나/VV 다/EC 라/VCP+EF"


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"tags": ("VV",)}, "가나"),
        ({"tags": ("EC", "VCP")}, "가다라"),
        ({"stopwords": ("/EC",)}, "가나라"),
        ({"stopwords": ("/EC", "/VV")}, "라"),
        ({"stopwords": ("/VV+EC",)}, "나다라"),
        ({"stopwords": ("가/VV+EC", "나/EC", "라")}, "나다"),
        ({"tags": ("VV",), "stopwords": ("/VV",)}, "가"),
    ],
)
def test_tokens_of_several_tags_are_found_by_each_and_left_out_for_all(options, kept):
    assert "".join(token.form for token in tokens(TEXT, **options)) == kept


def test_places_are_those_of_the_text_that_was_sent():
    sent = "\ufeff가\u200b/A  각/B " + "다/C\n" * LIMIT
    found = tokens(sent)
    assert [(token.form, token.start, token.end, token.len) for token in found[:2]] == [
        ("가", 1, 5, 4),
        ("각", 7, 10, 3),
    ]
    assert len(found) == LIMIT + 2
    assert (found[-1].start, found[-1].end) == (len(sent) - 4, len(sent) - 1)


@pytest.mark.parametrize(
    ("documents", "have"),
    [
        (from_texts(["가", None, ""]), False),
        (from_json("analyze", ["가", None], [None, None]), False),
        (from_json("analyze", ["가", "나"], [None, [[0, 1]]]), True),
        (pa.array([b"\xff", b"\xff[[0, 1", "가".encode()], pa.binary()), False),
        (pa.array([], pa.binary()), False),
    ],
)
def test_it_is_known_whether_documents_have_spans(documents, have):
    assert have_spans(documents) == have
