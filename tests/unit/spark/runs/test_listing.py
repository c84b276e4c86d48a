import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.runs.listing import Listing, _partitions, escaped

DEPTH = 2
"""Segments of `file:/in`."""


def partitions(*names):
    return _partitions({f"file:/in/{name}": 1 for name in names}, DEPTH)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("a.parquet", "b/c/d.parquet"), ()),
        (("날=1/b=2/a.parquet", "날=2/b=3/a.parquet"), ("날", "b")),
        (("a=1/more/a.parquet", "a=2/a.parquet"), ("a",)),
        (("a%20b=1/c.parquet",), ("a b",)),
        (("x=1.parquet", "=1/b.parquet"), ()),
    ],
)
def test_directories_of_the_form_name_and_value_are_columns(names, found):
    assert partitions(*names) == found


def test_files_inside_and_outside_of_partitions_are_refused_with_one_of_each():
    with pytest.raises(ConfigError, match=r"/b/g\.parquet is in no partition, \S*/a=1/f\.parquet in partitions \(a\)"):
        partitions("a=1/f.parquet", "b/g.parquet")
    with pytest.raises(ConfigError, match=r"in partitions \(b\), \S* in partitions \(a\)"):
        partitions("a=1/f.parquet", "b=1/f.parquet")


def test_partitions_below_another_directory_are_refused_with_the_remedy():
    with pytest.raises(ConfigError, match=r"below a directory that is not a partition: give that directory as input"):
        partitions("2024/a=1/f.parquet")


def test_a_name_is_escaped_so_that_a_glob_matches_it_alone():
    assert escaped("/in/a[1]*{b}?\\.csv") == "/in/a\\[1\\]\\*\\{b\\}\\?\\\\.csv"


@pytest.mark.parametrize(
    ("pattern", "is_file", "stream"),
    [
        ("/in/a.csv", True, "/in/a.cs[v]"),
        ("/in/a!", True, "/in/a\\!"),
        ("/in/a\\[1\\].csv", True, "/in/a\\[1\\].csv"),
        ("/in", False, "/in"),
    ],
)
def test_spark_streams_a_single_file_by_a_glob(pattern, is_file, stream):
    assert Listing(pattern, {}, is_file, DEPTH).stream_pattern() == stream
