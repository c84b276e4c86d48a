"""Samples of the files that people have: all rows, as the tools that wrote the files read them, and so as jobs do."""

import datetime as dt
import re

import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.sampling import SampleOptions, sample, write_sample
from nlpbatch.sampling.design import UNIT
from tests.fakes.odd_files import CASES

REFUSED = {
    "hidden files only": "1 hidden.*begin with _ or|2 hidden.*begin with _ or",
    "CP949 without its encoding": None,
    "UTF-16 as Excel saves Unicode text": None,
    "JSON objects over several lines": None,
    "a workbook": None,
    "a compression that Spark lacks": r"a\.csv\.xz is compressed with xz.*gzip",
    "frames of LZ4": r"a\.csv\.lz4 is compressed with lz4.*gzip",
    "everything damaged": r"has no rows.*a\.csv\.gz can't be decompressed",
    "a Parquet file with a broken footer among good ones": r"b\.parquet can't be read as Parquet",
    "ORC with nested values": "is ORC, which can't be sampled.*dump",
}
"""What is refused, and how if not as a job refuses it: nothing of a damaged Parquet file or ORC is sampled."""
TAKEN = {"Parquet in Brotli", "a type that Spark lacks", "a hidden file by its name"}
"""What a job can't take, and a sample can."""
LEFT_OUT = {
    "a quote that is never closed": "1 lines with a quote that is never closed were left out; the first begins at byte",
    "bytes that are not UTF-8 far behind the beginning": "1 lines of bytes that are not UTF-8 were left out",
    "a damaged .csv.gz among good ones": r"b\.csv\.gz can't be decompressed as gzip: it was left out",
    "a record with too few values": "1 lines could not be parsed",
}
"""What is said of what is left out. A job leaves out the whole file."""
NAMES = [
    name
    for name, case in CASES.items()
    if (name in REFUSED or name in TAKEN or case.refused is None) and "escape" not in case.options.get("reader", ())
]
"""Backslashes as escapes are an option of jobs only."""


def options_of(case):
    header = case.options.get("reader", {}).get("header", "true") == "true"
    return SampleOptions(rows=None, encoding=case.encoding or "utf-8", header=header)


def plain(value):
    """Return a value that can be compared: in names of directories, dates are text to samples."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    return str(value) if isinstance(value, dt.date) else value


def comparable(rows):
    names = {name for row in rows for name in row}
    found = [{name: plain(row.get(name)) for name in names} for row in rows]
    return sorted(found, key=lambda row: sorted((name, str(value)) for name, value in row.items()))


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_all_rows_has_what_the_tool_itself_reads(name, tmp_path):
    case, folder = CASES[name], tmp_path / "in"
    folder.mkdir()
    expected = case.write(folder)
    source = f"{folder}/{case.path}" if case.path else str(folder)
    if name in REFUSED:
        with pytest.raises(ConfigError) as caught:
            sample(source, options_of(case))
        assert re.search(REFUSED[name] or case.refused, caught.value.message, re.DOTALL)
        return
    drawn = sample(source, options_of(case))
    write_sample(drawn, tmp_path / "sample.parquet")
    found = pq.ParquetFile(tmp_path / "sample.parquet").read().drop([UNIT]).to_pylist()
    if name in LEFT_OUT:
        assert re.search(LEFT_OUT[name], "\n".join(drawn.design.notes))
        assert all(row in found for row in expected)
    elif name in TAKEN:
        assert found
    else:
        assert comparable(found) == comparable(expected)


@pytest.mark.parametrize("name", ["run_batch", "_corrupt_record", "tokens", "a.b", "c d", "`", "리뷰"])
def test_columns_of_any_name_are_sampled_from_any_format(name, tmp_path):
    (tmp_path / "a.csv").write_text(f"{name},n\n가,1\n", encoding="utf-8")
    drawn = sample(str(tmp_path / "a.csv"), SampleOptions(columns=(name,)))
    assert drawn.table.drop([UNIT]).to_pylist() == [{name: "가"}]
