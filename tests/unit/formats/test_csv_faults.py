import pytest

from nlpbatch.formats.csv_faults import find_quote_fault


def fault(text, max_lines=100):
    return find_quote_fault(text.split("\n"), ",", max_lines)


@pytest.mark.parametrize(
    "text",
    [
        'id,text\n1,"두\n줄"\n2,"""인용"""\n3,5" 화면\n4,""\n',
        '1,"가"나\n2,"다"\n',
        'a\n"\n\n"\n',
        "",
    ],
)
def test_quotes_that_are_closed_are_no_fault(text):
    assert fault(text) is None


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('id,text\n1,"가\n2,나\n3,다\n', 2, "a quote in the record of line 2 is never closed"),
        ('id,text\n1,가\n2,"나', 3, "a quote in the record of line 3 is never closed"),
        (
            '1,"가"\n2,"나\n3,"다"\n4,"라"\n',
            2,
            "a quote in the record of line 2 is closed within a value on line 3",
        ),
        (
            "1,가\n2,'나'\n3,\"" + "\n" * 5 + '"\n',
            3,
            "the record of line 3 has 6 lines, allowed are 5: a quote may not be closed",
        ),
    ],
)
def test_a_quote_that_is_not_closed_is_named_with_the_line_of_its_record(text, line, reason):
    found = fault(text, 5)
    assert (found.line, found.reason) == (line, reason)


def test_a_line_that_is_odd_by_itself_does_not_hide_a_later_fault():
    assert fault('1,"가"나\n2,"다\n3,라').line == 2


def test_bytes_of_cp949_may_be_read_as_latin_1():
    lines = '1,"똠방각하"\n2,"샾'.encode("cp949").decode("latin-1").split("\n")
    assert find_quote_fault(lines, ",").line == 2
