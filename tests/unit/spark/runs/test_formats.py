import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.runs.formats import format_of


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.parquet", "b.PARQ"], "parquet"),
        (["a.snappy.orc"], "orc"),
        (["a.jsonl", "b.ndjson.gz", "c.json.bz2"], "json"),
        (["a.csv.zst", "_SUCCESS"], "csv"),
        (["a.txt"], "text"),
        (["000000_0", "000001_0"], "parquet"),
        ([], "parquet"),
    ],
)
def test_names_tell_the_format(paths, expected):
    assert format_of(paths) == expected


def test_names_that_tell_several_are_counted():
    with pytest.raises(ConfigError, match=r"\(1 of csv, 2 of parquet\).*--format"):
        format_of(["a.parquet", "b.parquet", "c.csv"])
