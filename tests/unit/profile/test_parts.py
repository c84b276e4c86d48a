"""The report's parts that decide something: which words mark a group, what a date is, what is odd."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from nlpbatch.profile.dates import periods
from nlpbatch.profile.marking import marks
from nlpbatch.profile.oddities import oddities


def test_words_mark_a_group_if_it_has_them_more_often_and_often_enough_to_tell():
    words = ["재미", "영화", "지루", "한번"]
    here, elsewhere = np.array([100, 500, 5, 1]), np.array([10, 510, 120, 0])
    found = marks(words, here, elsewhere, 10)
    assert [one.word for one in found] == ["재미"]
    assert (found[0].count, found[0].count_elsewhere) == (100, 10)
    assert [one.word for one in marks(words, elsewhere, here, 10)] == ["지루"]


def test_a_word_of_one_or_two_documents_marks_nothing():
    words = ["드물", "흔하"]
    assert marks(words, np.array([2, 1_000]), np.array([1, 90_000]), 5) == []
    assert [one.word for one in marks(words, np.array([3, 1_000]), np.array([1, 90_000]), 5)] == ["드물"]


def test_nothing_marks_a_group_that_is_all_or_nothing():
    assert marks(["가"], np.array([3]), np.array([0]), 5) == []
    assert marks(["가"], np.array([0]), np.array([3]), 5) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2018-05-31", "2018-06-01"], ["2018-05", "2018-06"]),
        (["15.06.10", "14.10.16"], ["2015-06", "2014-10"]),
        (["20180531", None], ["2018-05", None]),
        (["2001.01.02", "2018.01.02"], ["2001", "2018"]),
        (["180531", "171231"], ["2018-05", "2017-12"]),
        ([20180531, 20181201], ["2018-05", "2018-12"]),
        (["2018-05", "2018-06"], ["2018-05", "2018-06"]),
        (["2018-05-31 10:00:00.0", "2018-06-01T10:00:00Z"], ["2018-05", "2018-06"]),
        (
            ["2018-05-31", "2018.06.01", "18/7/2", "2018. 8. 3.", "2018년 9월 4일"],
            [f"2018-0{n}" for n in (5, 6, 7, 8, 9)],
        ),
        (
            ["2018-05-31", "2018.06", "2018년 7월", "20180801", "180902", None],
            [*(f"2018-0{n}" for n in range(5, 10)), None],
        ),
        (["2018/05/31 10:00", "20180601103000"], ["2018-05", "2018-06"]),
        (["0001-01-01", *["2018-05-31"] * 19], [None, *["2018-05"] * 19]),
        ([dt.date(2018, 5, 31)], ["2018-05"]),
        ([dt.datetime(2018, 5, 31, 7)], ["2018-05"]),  # noqa: DTZ001  (columns have no time zone)
    ],
)
def test_dates_as_people_write_them_are_read(values, expected):
    array = pa.array(values)
    assert periods(array).to_pylist() == expected
    if pa.types.is_string(array.type):
        assert periods(array.cast(pa.large_string())).to_pylist() == expected


@pytest.mark.parametrize(
    "values", [["gestern", "heute"], [1, 2], [7, 2**62], [True], [None, None], [], [dt.time(3)], [dt.timedelta(1)]]
)
def test_values_that_are_no_dates_give_no_periods(values):
    assert periods(pa.array(values)) is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("addresses (URL, mail)", "여기 https://example.com 보세요"),
        ("one character again and again", "ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ"),
        ("emoji", "좋아요 😀"),
        ("invisible characters", "좋\u200b아요"),
        ("control characters", "좋\x07아요"),
        ("decomposed Hangul", "\u1112\u1161\u11ab"),
        ("HTML", "좋아요<br>"),
        ("no letter or digit", "!!!"),
        ("no Hangul", "good"),
        ("very long", "좋아요 " * 100),
    ],
)
def test_each_oddity_is_found_with_an_example(kind, text):
    found = {one["kind"]: one for one in oddities(pa.array(["좋아요"] * 200 + [text, None]))}
    assert found[kind]["count"] >= 1
    assert found[kind]["examples"]
    assert "\u200b" not in found[kind]["examples"][0]


def test_texts_that_are_there_more_than_once_are_found():
    assert [one["kind"] for one in oddities(pa.array(["가", "가", "나"]))] == ["there more than once"]
    assert oddities(pa.array([None], pa.string())) == []
