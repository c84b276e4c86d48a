import pytest

from nlpbatch.formats.csv_dialect import column_names, first_record, numbered_names, records, separator_of


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["", "text"], ["_c0", "text"]),
        (["t", "t", "n"], ["t0", "t1", "n"]),
        (["T", "n", "t"], ["T0", "n", "t2"]),
        (["a", None, "", ""], ["a", "_c1", "_c2", "_c3"]),
        ([" a", "a "], [" a", "a "]),
    ],
)
def test_names_are_those_of_spark(header, names):
    assert column_names(header) == names


def test_a_name_that_is_the_null_value_is_none():
    assert column_names(["NA", "text"], null="NA") == ["_c0", "text"]


def test_files_without_a_header_have_numbers():
    assert numbered_names(2) == ["_c0", "_c1"]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("id,text\n1,가\n", ","),
        ("id;review\n1;가, 나, 다\n", ";"),
        ("id\treview\n1\t가, 나; 다\n", "\t"),
        ("id|review\n", "|"),
        ("review\n가, 나\n", ","),
        ('id,"a;b;c"\n1,2\n', ","),
        ("id;a,b\n1;2\n3;4\n", ";"),
        ("", ","),
    ],
)
def test_the_separator_is_the_one_that_parts_the_header(text, separator):
    assert separator_of(text) == separator


def test_a_record_may_go_over_several_lines_and_lines_may_end_in_any_way():
    text = '\ufeffid,text\r1,"두\n줄, ""인용"""\r\n\n2, \\"가\\" \n'
    assert list(records(text, ",")) == [["id", "text"], ["1", '두\n줄, "인용"'], ["2", ' \\"가\\" ']]


@pytest.mark.parametrize(
    ("text", "is_all", "found"),
    [
        ("a,b\n1,2\n", False, ["a", "b"]),
        ("a,b\n", False, ["a", "b"]),
        ("a,b", False, None),
        ("a,b", True, ["a", "b"]),
        ('a,"b\n', False, None),
        ("\n\na\n1\n", False, ["a"]),
        ("", True, None),
    ],
)
def test_the_first_record_is_returned_once_it_is_whole(text, is_all, found):
    assert first_record(text, ",", is_all=is_all) == found
