"""Personal numbers in texts: all are masked, and nothing else is touched."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.recipe.masking import KINDS, MASKS, has_luhn_digit, mask

FULL_WIDTH = {ord(character): ord(character) + 0xFEE0 for character in "0123456789-@."}
NUMBERS = {
    "phone": [
        "010-1234-5678",
        "01012345678",
        "010 1234 5678",
        "010.1234.5678",
        "010 - 1234 - 5678",
        "011-234-5678",
        "02-123-4567",
        "(02) 1234-5678",
        "0212345678",
        "031-123-4567",
        "070-1234-5678",
        "0504-1234-5678",
        "+82-10-1234-5678",
        "+82 2 1234 5678",
        "+82 (0)10-1234-5678",
        "82-10-1234-5678",
        "010\u20131234\u20135678",
        "010\u200b-1234-5678",
    ],
    "resident": ["900101-1234567", "9001011234567", "900101 - 1234567", "040229-3123456", "991231\u20135123456"],
    "card": [
        "4111-1111-1111-1111",
        "4111111111111111",
        "5555 5555 5555 4444",
        "3782-822463-10005",
        "378282246310005",
        "3056 930902 5904",
        "6011000990139424",
    ],
    "email": ["hong@example.co.kr", "h.o+n_g-1@naver.com", "A@B.KR", "010-1234-5678@example.com"],
}
OTHERS = [
    "2010-1234-5678",  # part of a longer number
    "010-1234-56789",
    "010-12-5678",
    "0101234",
    "1588-1234",
    "900230-1234567",  # no such day
    "901301-1234567",
    "900101-9234567",
    "900101-123456",
    "030229-3123456",  # 2003 had no 29 February
    "4111-1111-1111-1112",  # check digit
    "0000-0000-0000-0000",
    "1234567890123",
    "평점 10/10, 2019년 12월 31일 23:59:59",
    "192.168.100.200",
    "3.14159265358979",
    "@hong 안녕",
    "hong@localhost",
    "1@2",
    "1,234,567,890원",
    "[PHONE] [EMAIL]",
]


@pytest.mark.parametrize(("kind", "number"), [(kind, number) for kind, some in NUMBERS.items() for number in some])
def test_each_is_masked_between_letters_of_any_kind(kind, number):
    for before, after in (("", ""), ("전화는", "입니다"), ("(", ")"), ("a: ", "."), ("가\n", "\n나")):
        assert mask(f"{before}{number}{after}", KINDS) == (f"{before}{MASKS[kind]}{after}", {kind: 1})
    wide = number.translate(FULL_WIDTH)
    assert mask(wide, KINDS) == (MASKS[kind], {kind: 1})


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_none_stays(text):
    assert mask(text, KINDS) == (text, {})


def test_only_the_kinds_that_are_asked_for_are_masked():
    text = "hong@example.com 010-1234-5678"
    assert mask(text, ("phone",))[0] == "hong@example.com [PHONE]"
    assert mask(text, ("email",))[0] == "[EMAIL] 010-1234-5678"
    assert mask(text, ())[0] == text


def test_a_bracket_after_an_area_code_belongs_to_the_number():
    assert mask("02)1234-5678", KINDS)[0] == "[PHONE]"


def test_several_in_a_text_are_counted_by_kind():
    text = "4111 1111 1111 1111 010-1234-5678, 1234 5555 5555 5555 4444 / 900101-1234567 a@b.kr,c@d.kr"
    assert mask(text, KINDS) == (
        "[CARD] [PHONE], 1234 [CARD] / [RESIDENT] [EMAIL],[EMAIL]",
        {"card": 2, "phone": 1, "resident": 1, "email": 2},
    )


def test_check_digits_are_those_of_luhn():
    assert has_luhn_digit("79927398713")
    assert [has_luhn_digit(f"7992739871{digit}") for digit in range(10)].count(True) == 1


def luhn(digits):
    return next(digits + check for check in "0123456789" if has_luhn_digit(digits + check))


def digits(count):
    return st.text("0123456789", min_size=count, max_size=count)


GAP = st.sampled_from(["-", " ", ".", "", " - "])
PHONES = st.builds(
    lambda first, gap, middle, last: gap.join((first, middle, last)),
    st.sampled_from(["010", "011", "016", "019", "02", "031", "055", "064", "070", "0505", "+82-10", "+82 2"]),
    GAP,
    digits(3) | digits(4),
    digits(4),
)
BORN = st.dates(min_value=date(1900, 1, 1), max_value=date(2029, 12, 31))
RESIDENTS = st.builds(
    lambda born, kind, gap, rest: f"{born:%y%m%d}{gap}{kind + (2 if born.year >= 2000 else 0)}{rest}",
    BORN,
    st.sampled_from([1, 2, 5, 6]),
    st.sampled_from(["-", "", " - ", " "]),
    digits(6),
)
CARDS = st.builds(
    lambda first, rest, gap: gap.join(luhn(first + rest)[at : at + 4] for at in range(0, 16, 4)),
    st.sampled_from("234569"),
    digits(14),
    st.sampled_from(["-", " ", ""]),
)
NAMES = st.text("abcxyzABC0189", min_size=1, max_size=8)
EMAILS = st.builds(
    lambda name, sign, more, domain, top: f"{name}{sign}{more}@{domain}.{top}",
    NAMES,
    st.sampled_from([".", "_", "+", "-"]),
    NAMES,
    NAMES,
    st.sampled_from(["com", "co.kr", "org", "example-1.kr"]),
)
PERSONAL = {"phone": PHONES, "resident": RESIDENTS, "card": CARDS, "email": EMAILS}
# letters, signs and short numbers, which make no personal number with one that stands beside them
WORDS = st.lists(
    st.sampled_from(["영화", "재밌다", "ㅋㅋ", "!", "😀", "10점", "2019년", "3,500원", "a", "(끝)", "\n"]), max_size=4
)
PIECES = st.one_of(*(st.tuples(st.just(kind), numbers) for kind, numbers in PERSONAL.items()))


@given(st.lists(st.tuples(WORDS, PIECES), max_size=5), WORDS)
def test_of_generated_numbers_none_is_left_and_nothing_else_is_touched(pieces, last):
    text, expected = "", ""
    for words, (kind, number) in pieces:
        between = f"{' '.join(words)} 은 "
        text += f"{between}{number} 는 "
        # a 13-digit number may be one of residence and of a card, and so on: what matters is that it is gone
        expected += f"{between}{mask(number, KINDS)[0]} 는 "
        assert mask(number, KINDS)[0] in MASKS.values(), kind
    masked, counts = mask(text + " ".join(last), KINDS)
    assert masked == expected + " ".join(last)
    assert counts.total() == len(pieces)
    assert mask(masked, KINDS) == (masked, {})


@given(st.text())
def test_any_text_keeps_all_that_is_not_masked(text):
    masked, counts = mask(text, KINDS)
    rest = masked
    for one in MASKS.values():
        rest = rest.replace(one, "\0")
    position = 0
    for part in rest.split("\0"):
        found = text.find(part, position)
        assert found >= 0
        position = found + len(part)
    assert counts or masked == text


@pytest.mark.parametrize("piece", ["a", "a.", "1", "1 ", "0", "a@", "a@a.", "02 ", "4111 ", "900101-", "-", "+82 "])
def test_long_texts_of_what_could_begin_a_number_are_read_through(piece):
    """Time in proportion to their length: squared, this would take hours."""
    text = piece * 300_000
    masked, counts = mask(text, KINDS)
    assert (masked == text) is not bool(counts)
