import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.split import LIMIT, split


def parts(text):
    return [text[start:end] for start, end in split(text)]


@given(st.integers(0, 4 * LIMIT), st.sampled_from(["가", "a ", "가.\n", "한 문장이다. ", "\u1112\u1161", "👍🏽"]))
def test_the_parts_are_the_text_and_none_is_over_the_limit(count, piece):
    text = (piece * count)[: 4 * LIMIT]
    found = parts(text)
    assert "".join(found) == text
    assert max(map(len, found)) <= LIMIT
    assert all(len(part) > LIMIT // 2 for part in found[:-1])


@pytest.mark.parametrize("text", ["", "가", "가" * LIMIT])
def test_what_fits_stays_whole(text):
    assert parts(text) == [text]


@pytest.mark.parametrize(
    ("end", "wanted"),
    [("\n", "\n"), (". ", ". "), ("?” ", "” "), (" ", " "), ("\n가. 나 ", "\n"), (". 나 ", ". ")],
)
def test_it_is_cut_at_the_best_place_there_is(end, wanted):
    text = "가" * (LIMIT - 100) + end + "나" * 500
    first = parts(text)[0]
    assert first.endswith(wanted)
    assert len(first) == LIMIT - 100 + end.index(wanted) + len(wanted)


def test_a_place_in_the_first_half_is_too_early():
    assert len(parts("가\n" + "나" * 2 * LIMIT)[0]) == LIMIT


@pytest.mark.parametrize("character", ["e\u0301", "👍🏽", "👨\u200d👩", "\u1112\u119e\u11ab", "♀\ufe0f"])
@pytest.mark.parametrize("before", [1, 2])
def test_what_belongs_to_a_character_stays_with_it(character, before):
    text = "가" * (LIMIT - before) + character + "가" * 500
    cut = len(parts(text)[0])
    assert cut in {LIMIT - before, LIMIT - before + len(character)}
