"""Columns of sampled Parquet: from directories, of several types, stored in several ways."""

import datetime as dt
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.sampling import SampleOptions, sample, write_sample
from nlpbatch.sampling.design import UNIT
from tests.fakes.sampled import rows


def test_directories_are_columns_as_spark_takes_them(tmp_path):
    for folder, year in (
        ("date=2018-05/no=1", 1),
        ("date=2018-06/no=2", 2),
        (f"date={'__HIVE_DEFAULT_PARTITION__'}", 3),
    ):
        (tmp_path / "data" / folder).mkdir(parents=True)
        pq.write_table(rows(100, 100 * year), tmp_path / "data" / folder / "part.parquet")
    table = sample(str(tmp_path / "data"), SampleOptions(rows=300, columns=("date", "no"))).table
    assert set(zip(table["date"].to_pylist(), table["no"].to_pylist(), strict=True)) == {
        ("2018-05", 1),
        ("2018-06", 2),
        (None, None),
    }
    drawn = sample(str(tmp_path / "data"), SampleOptions(rows=30, stratify="date", read_share=1.0))
    assert Counter(drawn.table["date"].to_pylist()) == {"2018-05": 10, "2018-06": 10, None: 10}
    assert drawn.table["review"].null_count == 0
    only = sample(str(tmp_path / "data" / "date=2018-05"), SampleOptions(rows=10, columns=("no",))).table
    assert only.schema.names == ["no", UNIT]


def test_a_column_that_some_files_lack_is_null_there(tmp_path):
    pq.write_table(rows(10).drop(["label"]), tmp_path / "0.parquet")
    pq.write_table(rows(10, 10), tmp_path / "1.parquet")
    table = sample(str(tmp_path), SampleOptions(rows=20, columns=("id", "label"))).table
    assert table["label"].null_count == 10
    drawn = sample(str(tmp_path), SampleOptions(rows=9, stratify="label", read_share=1.0))
    assert Counter(drawn.table["label"].to_pylist()) == {None: 4, True: 1, False: 4}


def test_numbers_of_several_widths_go_together_and_other_types_are_refused(tmp_path):
    pq.write_table(pa.table({"n": pa.array([1], pa.int32())}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"n": pa.array([2], pa.int64())}), tmp_path / "1.parquet")
    assert sorted(sample(str(tmp_path), SampleOptions()).table["n"].to_pylist()) == [1, 2]
    pq.write_table(pa.table({"n": ["비밀"]}), tmp_path / "2.parquet")
    with pytest.raises(ConfigError, match=r"column 'n' \(int32, int64, string\) is of several types") as caught:
        sample(str(tmp_path), SampleOptions())
    assert "비밀" not in caught.value.message


@pytest.mark.parametrize("kind", [pa.string_view(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_is_text_however_it_is_stored(tmp_path, kind):
    values = pa.array(["가", "나", None] * 10)
    stored = values.dictionary_encode() if pa.types.is_dictionary(kind) else values.cast(kind)
    pq.write_table(pa.table({"review": stored}), tmp_path / "a.parquet")
    drawn = sample(str(tmp_path / "a.parquet"), SampleOptions(rows=15, stratify="review", read_share=1.0))
    assert Counter(drawn.table["review"].to_pylist()) == {"가": 5, "나": 5, None: 5}


def test_a_stratified_sample_needs_plain_values(tmp_path):
    pq.write_table(pa.table({"review": [["가"]]}), tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match=r"holds list<element: string>: choose one of plain values"):
        sample(str(tmp_path / "a.parquet"), SampleOptions(stratify="review"))


def test_times_of_nanoseconds_are_cut_as_spark_cuts_them(tmp_path):
    pq.write_table(pa.table({"at": pa.array([-1, 1_001], pa.timestamp("ns", "UTC"))}), tmp_path / "a.parquet")
    write_sample(sample(str(tmp_path / "a.parquet"), SampleOptions()), tmp_path / "s.parquet")
    found = pq.ParquetFile(tmp_path / "s.parquet").read()["at"]
    assert found.cast(pa.int64()).to_pylist() == [-1, 1]


def test_times_as_spark_writes_them_can_be_read_by_spark_again(tmp_path):
    far = dt.datetime(9999, 12, 31)  # noqa: DTZ001  (a column without a time zone)
    metadata = {"org.apache.spark.sql.parquet.row.metadata": "something"}
    table = pa.table({"at": pa.array([far], pa.timestamp("us"))}).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    drawn = sample(str(tmp_path / "a.parquet"), SampleOptions())
    assert drawn.table["at"].to_pylist() == [far]
    write_sample(drawn, tmp_path / "s.parquet")
    written = pq.ParquetFile(tmp_path / "s.parquet")
    assert str(written.schema.column(0).logical_type).find("microseconds") > 0
    assert b"org.apache.spark.sql.parquet.row.metadata" not in written.metadata.metadata


def test_what_parquet_cannot_hold_is_refused(tmp_path):
    (tmp_path / "data.json").write_text('{"m": {}}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="choose columns without m"):
        write_sample(sample(str(tmp_path / "data.json"), SampleOptions()), tmp_path / "s.parquet")
