import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import (
    encoding_fault,
    encoding_that_fits,
    is_of_lines,
    is_valid,
    java_name,
    known_encoding,
)

TEXT = "번호,리뷰\n1,재미있어요 똠방각하\n"


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("cp949", "cp949"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
        ("utf-16-le", "utf-16le"),
        ("utf-16-be", "utf-16be"),
    ],
)
def test_the_encoding_that_fits_is_recognised(encoding, found):
    assert encoding_that_fits(TEXT.encode(encoding), is_all=True) == found


@given(st.text(alphabet=st.characters(codec="cp949", exclude_categories=("Cc", "Cs"))), st.integers(0, 3))
def test_bytes_that_end_within_a_character_still_fit(text, cut):
    for encoding in ("utf-8", "cp949"):
        data = text.encode(encoding)
        assert is_valid(data[: len(data) - cut], encoding)


def test_nothing_fits_bytes_of_no_encoding():
    assert encoding_that_fits(b"\xff\xff\xff\x80\x81" * 9, is_all=True) is None


@pytest.mark.parametrize(
    ("written", "read", "said"),
    [
        ("utf-8", "utf-8", None),
        ("cp949", "cp949", None),
        ("utf-16", "utf-16", None),
        ("cp949", "utf-8", "is not UTF-8: its bytes fit CP949; give --encoding cp949, or save it as UTF-8"),
        ("utf-16", "utf-8", "is not UTF-8: its bytes fit UTF-16; give --encoding utf-16, or save it as UTF-8"),
        ("utf-16", "cp949", "is not CP949: its bytes fit UTF-16; give --encoding utf-16, or save it as UTF-8"),
        ("utf-8", "latin-1", "is not LATIN-1: its bytes fit UTF-8; give --encoding utf-8, or no encoding"),
    ],
)
def test_bytes_of_another_encoding_are_named_with_the_one_that_fits(written, read, said):
    assert encoding_fault(TEXT.encode(written), read, is_all=True) == said


def test_ascii_is_valid_in_all_that_hold_it():
    assert [encoding_fault(b"id,text\n", one, is_all=True) for one in ("utf-8", "cp949", "latin-1")] == [None] * 3


@pytest.mark.parametrize(
    ("name", "known", "java"),
    [
        ("UTF-8", "utf-8", "UTF-8"),
        ("utf-8-sig", "utf-8", "UTF-8"),
        ("EUC-KR", "cp949", "x-windows-949"),
        ("ms949", "cp949", "x-windows-949"),
        ("UTF-16LE", "utf-16le", "UTF-16LE"),
        ("ISO-8859-1", "latin-1", "ISO-8859-1"),
    ],
)
def test_encodings_have_one_name_here_and_one_in_java(name, known, java):
    assert known_encoding(name) == known
    assert java_name(known) == java


def test_an_unknown_encoding_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match="encoding 'korean-1' is not known: choose from utf-8, cp949"):
        known_encoding("korean-1")


def test_only_utf_16_and_32_are_not_of_lines():
    assert [is_of_lines(one) for one in ("utf-8", "cp949", "utf-16le", "utf-32")] == [True, True, False, False]
