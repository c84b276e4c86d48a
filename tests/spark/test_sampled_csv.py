"""Samples of CSV hold what jobs read: the same files, read by Spark and sampled."""

import random

import pytest

from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.sampling.csv_records import CsvRecords, line_end_of
from nlpbatch.spark.runs.formats import FORMATS
from tests.fakes.odd_csv import ODD_CSV

FILES = 300
PIECES = ["가", "x", " ", "  ", "\t", '"', '""', ",", "\n", "\r\n", "\r", "\\", "a,b", '","']


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Many small files of two columns: those of the table, and random ones."""
    found = tmp_path_factory.mktemp("odd")
    for number, (data, _) in enumerate(ODD_CSV.values()):
        (found / f"table-{number:03d}.csv").write_bytes(data)
    chance = random.Random(7)
    for number in range(FILES):
        line_end = chance.choice(["\n", "\r\n", "\r"])
        body = "".join(chance.choice([*PIECES, line_end, line_end]) for _ in range(chance.randrange(1, 40)))
        (found / f"random-{number:03d}.csv").write_text(f"a,b{line_end}{body}", encoding="utf-8", newline="")
    return found


@pytest.fixture(scope="module")
def by_spark(spark, folder):
    """Return the rows that Spark reads of each file, without those that it can't parse."""
    reader = spark.read.format("csv").options(**{**FORMATS["csv"].reader, "header": "false", "mode": "PERMISSIVE"})
    two = reader.schema(f"a string, b string, {CORRUPT} string").load(str(folder))
    found = two.where(f"{CORRUPT} IS NULL").select("_metadata.file_name", "a", "b").collect()
    rows = {path.name: [] for path in folder.iterdir()}
    for name, a, b in found:
        rows[name].append((a, b))
    return rows


def test_records_are_those_of_spark(folder, by_spark):
    wrong = {}
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        records = CsvRecords(b",", line_end_of(data)).records(data, is_end=True)
        values = [tuple(value.decode() if value else None for value in one.values) for one in records]
        found = [row for row in values if len(row) == 2]
        if found != by_spark[path.name]:
            wrong[data] = found, by_spark[path.name]
    assert not wrong
