"""Records of CSV as Spark takes them; tests/spark/test_sampled_csv.py holds the same table against Spark itself."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.sampling.csv_records import CsvRecords, line_end_of
from tests.fakes.odd_csv import ODD_CSV


def rows(data, separator=b","):
    found = CsvRecords(separator, line_end_of(data)).records(data, is_end=True)
    return [[value.decode() if value else None for value in record.values] for record in found]


@pytest.mark.parametrize("name", ODD_CSV)
def test_records_are_those_of_spark(name):
    data, expected = ODD_CSV[name]
    width = len(rows(data)[0])
    assert [row for row in rows(data)[1:] if len(row) == width] == expected


@given(
    st.lists(st.lists(st.text('가a ,;"\n\t\\', max_size=6), min_size=2, max_size=3), max_size=5),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_standard_library_writes_is_read(written, separator, line_end):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator=line_end).writerows(written)
    found = CsvRecords(separator.encode(), line_end.encode()).records(out.getvalue().encode(), is_end=True)
    texts = [[(value or b"").decode() for value in record.values] for record in found]
    assert texts == written


@given(st.binary(max_size=60), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_records_do_not_depend_on_where_the_bytes_in_hand_end(data, line_end):
    records = CsvRecords(b",", line_end)
    whole = list(records.records(data, is_end=True))
    for end in range(len(data)):
        part = list(records.records(data[:end], is_end=False))
        assert part == whole[: len(part)]


def test_quotes_that_are_out_of_place_are_marked():
    found = list(CsvRecords(b",").records(b'a,b\n"x"y,z\n"x",y\n1,"z\n', is_end=True))
    assert [(one.is_quoted, one.is_odd, one.is_open) for one in found] == [
        (False, False, False),
        (True, True, False),
        (True, False, False),
        (True, False, True),
    ]
