import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.contents import Text, read_content, read_plain
from nlpbatch.engine.normalise import is_plain
from nlpbatch.engine.packing import encode_text, pack_extra
from nlpbatch.engine.parts import take_apart
from nlpbatch.engine.split import LIMIT

# Jamo that compose, a mark, a joiner and what may precede it, line ends, an invisible character, and ordinary ones.
SEAMS = st.text(st.sampled_from("\u1100\u1161\u11a8\u0301e가각\u200d👨\ufe0f\u200b\n\r a.\u0344"), max_size=6)
TEXTS = st.lists(st.none() | SEAMS | st.text(max_size=6), max_size=5)


@given(TEXTS)
def test_texts_are_read_together_exactly_when_the_engine_can_have_each_as_it_is(texts: list[str | None]) -> None:
    documents = [None if text is None else encode_text(text) for text in texts]
    found = read_plain(documents)
    given_texts = [text for text in texts if text is not None]
    assert (found is not None) == all(is_plain(text) for text in given_texts)
    if found is not None:
        assert [one and one.text for one in found] == texts
        assert all(take_apart(text).is_plain for text in given_texts)


@given(TEXTS)
def test_joined_by_line_ends_texts_are_composed_exactly_when_each_is(texts: list[str | None]) -> None:
    given_texts = [text for text in texts if text is not None]
    joined = unicodedata.is_normalized("NFC", "\n".join(given_texts))
    assert joined == all(unicodedata.is_normalized("NFC", text) for text in given_texts)


@pytest.mark.parametrize(
    "document",
    [
        "가\u200b나".encode(),
        "\u1100\u1161".encode(),
        ("가" * (LIMIT + 1)).encode(),
        b"\xed\xa0\x80",
        pack_extra("가나".encode(), [[0, 1]]),
    ],
    ids=["invisible", "decomposed", "long", "not UTF-8", "with spans"],
)
def test_one_document_that_is_not_plain_has_all_of_its_chunk_read_one_by_one(document: bytes) -> None:
    assert read_plain(["가".encode(), None, document]) is None
    assert read_plain(["가".encode(), None]) == [Text("가", is_plain=True), None]


def test_a_text_read_by_itself_is_looked_at_when_its_turn_comes() -> None:
    assert read_content("analyze", "가".encode()) == Text("가")
