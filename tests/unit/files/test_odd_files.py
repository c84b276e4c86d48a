"""Files that people have, read without Spark: the rows that the tool read which wrote them, and so as jobs do."""

import re
from contextlib import closing
from datetime import datetime

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.files.listing import find_files
from nlpbatch.files.opening import open_source
from nlpbatch.files.source import ReadOptions
from nlpbatch.formats.encodings import UTF_8, known_encoding
from nlpbatch.formats.malformed import CORRUPT
from tests.fakes.odd_files import CASES

REFUSED = {
    "hidden files only": "holds no files",
    "a compression that Spark lacks": r"a\.csv\.xz is compressed with xz: gzip",
    "frames of LZ4": r"a\.csv\.lz4 is compressed with lz4: gzip",
    "everything damaged": "can't be decompressed as gzip",
    "ORC with nested values": "is ORC, which only the job reads",
    "partitions as Hive has them": "has partitions, such as 날짜=2024-01-01, which only the job reads",
    "a glob over directories with partitions": "has partitions, such as month=1, which only the job reads",
    "CSV in partitions, with different headers": "has partitions, such as day=2024-05-01, which only the job reads",
    "a column called _corrupt_record": "has a column '_corrupt_record'.*rename",
    "a column called _Corrupt_Record": "has a column '_corrupt_record'.*rename",
    "files inside and outside of partitions": "has partitions, such as a=1, which only the job reads",
}
"""What is refused, and how if not as a job refuses it."""
TAKEN = {
    "Parquet in Brotli",
    "a type that Spark lacks",
    "a UUID as DuckDB writes it",
    "a time as DuckDB writes it",
    "a span of time as DuckDB writes it",
    "nanoseconds within a list",
    "a hidden file by its name",
    "a column called run_batch",
    "a column called Run_Batch",
    "a column called _nlpbatch_outcome",
    "JSON arrays beside lines",
}
"""What a job can't take."""
NAMES = [name for name, case in CASES.items() if "escape" not in case.options.get("reader", ())]
"""Backslashes as escapes are an option of jobs only."""


def opened(case, folder):
    header = case.options.get("reader", {}).get("header", "true") == "true"
    options = ReadOptions(encoding=known_encoding(case.encoding or UTF_8), header=header)
    return open_source(find_files([f"{folder}/{case.path}" if case.path else str(folder)]), options)


def in_order(rows):
    return sorted(({name: naive(value) for name, value in row.items()} for row in rows), key=repr)


def naive(value):
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", NAMES)
def test_a_file_gives_what_the_tool_reads_that_wrote_it(tmp_path, name):
    case = CASES[name]
    expected = case.write(tmp_path)
    if name in REFUSED or (case.refused is not None and name not in TAKEN):
        with pytest.raises(ConfigError) as caught:
            opened(case, tmp_path)
        assert re.search(REFUSED.get(name) or case.refused, caught.value.message)
        assert "\n" not in caught.value.message
        return
    with closing(opened(case, tmp_path)) as source:
        rows = [row for batch in source.batches(0) for row in batch.to_pylist()]
        assert {row_type for row in rows for row_type in row} <= set(source.schema.names)
    if name in TAKEN:
        assert rows
        return
    dead = [row for row in rows if row.get(CORRUPT) is not None]
    good = [{key: value for key, value in row.items() if key != CORRUPT} for row in rows if row not in dead]
    assert in_order(good) == in_order([{name: row.get(name) for name in good[0]} for row in expected])
    assert len(dead) == case.dead
    assert {path.rpartition("/")[2] for path in source.set_aside} == set(case.set_aside)
    for path, reason in source.set_aside.items():
        assert re.search(case.set_aside[path.rpartition("/")[2]], reason)
