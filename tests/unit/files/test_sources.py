"""Rows of files: the same ones in the same order, from whatever row on."""

import bz2
import datetime as dt
import gzip
import json
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlpbatch.errors import ConfigError
from nlpbatch.files import line_source, parquet_source
from nlpbatch.files.listing import find_files
from nlpbatch.files.opening import open_source
from nlpbatch.files.source import ReadOptions


def opened(path, **options):
    return open_source(find_files([str(path)]), ReadOptions(**options))


def rows_of(source, skip=0):
    return [row for batch in source.batches(skip) for row in batch.to_pylist()]


def all_of(source):
    with closing(source):
        return rows_of(source)


@pytest.fixture(params=["parquet", "csv", "json", "text"])
def source(request, tmp_path, monkeypatch):
    """Return ten rows in two files."""
    monkeypatch.setattr(line_source, "BATCH_ROWS", 3)
    monkeypatch.setattr(parquet_source, "BATCH_ROWS", 2)
    for number in (0, 1):
        values = [f"글 {number}{row}" for row in range(5)]
        path = tmp_path / f"{number}.{'txt' if request.param == 'text' else request.param}"
        if request.param == "parquet":
            pq.write_table(pa.table({"value": values}), path, row_group_size=2)
        elif request.param == "json":
            path.write_text("".join(json.dumps({"value": one}) + "\n" for one in values))
        else:
            path.write_text(("value\n" if request.param == "csv" else "") + "\n".join(values))
    return opened(tmp_path)


@pytest.mark.parametrize("skip", range(12))
def test_reading_goes_on_after_any_number_of_rows(source, skip):
    values = [f"글 {number}{row}" for number in (0, 1) for row in range(5)]
    assert [row["value"] for row in rows_of(source, skip)] == values[skip:]
    assert [row["value"] for row in rows_of(source)] == values
    assert source.read_share() == 1.0
    assert source.set_aside == {}


def test_the_share_that_was_read_grows(source):
    shares = [source.read_share() for _ in source.batches(0)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5


def test_parquet_comes_in_plain_types(tmp_path):
    when = dt.datetime(2024, 5, 1, 12, 0, 0, 123456, dt.UTC)
    table = pa.table(
        {
            "text": pa.array(["a", None, "a"], pa.large_string()).dictionary_encode(),
            "lists": pa.array([["a"], [], None], pa.large_list(pa.large_string())),
            "when": pa.array([when, None, None], pa.timestamp("ns", "UTC")),
            "before": pa.array([-1, -1500, None], pa.int64()).cast(pa.timestamp("ns", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    source = opened(tmp_path / "a.parquet")
    assert list(map(str, source.schema.types)) == [
        "string",
        "list<item: string>",
        "timestamp[us, tz=UTC]",
        "timestamp[us, tz=UTC]",
    ]
    rows = rows_of(source)
    assert rows[0]["when"] == when
    assert rows[1]["before"] == dt.datetime(1969, 12, 31, 23, 59, 59, 999998, dt.UTC)
    assert source.rows == 3


def test_parquet_files_are_put_together_by_name_and_damaged_ones_set_aside(tmp_path):
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"b": ["y"], "c": [True]}), tmp_path / "2.parquet")
    (tmp_path / "3.parquet").write_bytes(b"PAR1")
    source = opened(tmp_path)
    assert rows_of(source) == [{"a": 1, "b": "x", "c": None}, {"a": None, "b": "y", "c": True}]
    assert source.set_aside == {str(tmp_path / "3.parquet"): "it is damaged, or not of this format"}
    pq.write_table(pa.table({"a": ["z"]}), tmp_path / "4.parquet")
    with pytest.raises(ConfigError, match=r"column 'a' is int64 in .*1.parquet and string in .*4.parquet"):
        opened(tmp_path)


def test_csv_has_the_union_of_all_headers_and_keeps_lines_that_cannot_be_parsed(tmp_path):
    (tmp_path / "1.csv").write_text('id;글\n1;"여러\n줄"\n2;나;많다\n')
    (tmp_path / "2.csv").write_bytes("\ufeff글,ID,더\r\n셋,3,x\r\n".encode())
    source = opened(tmp_path)
    assert source.schema.names == ["id", "글", "더", "_corrupt_record"]
    assert source.assumed == "CSV in UTF-8, separated by ';' and ',', with a header"
    assert [list(row.values()) for row in rows_of(source)] == [
        ["1", "여러\n줄", None, None],
        ["2", "나", None, "2;나;많다"],
        ["3", "셋", "x", None],
    ]


def test_csv_without_a_header_and_in_cp949(tmp_path):
    (tmp_path / "a.tsv").write_bytes("하나\t둘\n".encode("cp949"))
    source = opened(tmp_path / "a.tsv", header=False, encoding="cp949")
    assert rows_of(source) == [{"_c0": "하나", "_c1": "둘", "_corrupt_record": None}]


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), ("", bytes)])
@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_lines_may_be_compressed_and_of_any_encoding(tmp_path, suffix, pack, encoding):
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(pack("하나\r\n\n둘".encode(encoding)))
    assert [row["value"] for row in all_of(opened(path, encoding=encoding))] == ["하나", "", "둘"]


def test_json_has_its_columns_in_order_of_their_names_and_mixed_values_as_strings(tmp_path):
    rows = [{"b": 1, "a": {"y": 1}, "d": [1]}, {"a": {"x": "z"}, "b": 2.5, "c": None}, {"d": ["e"], "f": 2**63}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), "[1]", '{"b": ', ""]))
    source = opened(path)
    assert {field.name: str(field.type) for field in source.schema} == {
        "_corrupt_record": "string",
        "a": "struct<x: string, y: int64>",
        "b": "double",
        "c": "string",
        "d": "list<item: string>",
        "f": "decimal128(38, 0)",
    }
    assert source.schema.names[0] == "_corrupt_record"
    found = all_of(source)
    first = {"a": {"x": None, "y": 1}, "b": 1.0, "c": None, "d": ["1"], "f": None}
    assert found[0] == {"_corrupt_record": None, **first}
    assert [row["_corrupt_record"] for row in found] == [None, None, None, "[1]", '{"b": ']


def test_a_line_that_is_an_array_of_objects_is_as_many_rows(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n[]\n[{"a": 2}, {"a": 3}]\n{"a": 4}\n')
    source = opened(path)
    assert [row["a"] for row in rows_of(source)] == [1, 2, 3, 4]
    assert [row["a"] for row in rows_of(source, 2)] == [3, 4]


def test_a_json_array_is_read_and_objects_over_several_lines_are_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"a": "x"},\n {"a": "y"}]')
    assert [row["a"] for row in all_of(opened(path))] == ["x", "y"]
    path.write_text('{\n  "a": "x"\n}\n')
    with pytest.raises(ConfigError, match="JSON objects over several lines"):
        opened(path)
    path.write_text("no json\n")
    with pytest.raises(ConfigError, match="no line is a JSON object"):
        opened(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "id,글\n1,좋다\n".encode("cp949"), "is not UTF-8: its bytes fit CP949; give --encoding cp949"),
        ("a.txt", b"ok\n" * 9000 + b"\xff\n", "is not UTF-8 on line 9,001"),
        ("a.csv", b'a,b\n1,"open\n' + b"2,x\n" * 5, "the record of line 2 is never closed"),
        ("a.csv.gz", b"no gzip", "can't be decompressed as gzip"),
    ],
)
def test_files_that_cannot_be_read_say_why_and_are_set_aside_beside_others(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        opened(tmp_path / name)
    (tmp_path / f"b.{name.partition('.')[2]}").write_bytes(
        gzip.compress(b"a,b\n1,2\n") if name.endswith(".gz") else b"a,b\n1,2\n"
    )
    source = opened(tmp_path)
    assert list(source.set_aside) == [str(tmp_path / name)]
    assert len(all_of(source)) == (2 if name.endswith("txt") else 1)


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NESTED = st.recursive(VALUES, lambda some: st.lists(some) | st.dictionaries(st.text(min_size=1), some), max_leaves=6)


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), NESTED), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_json_is_read_and_strings_stay_what_they_are(tmp_path, rows):
    path = tmp_path / "any.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": "글"}]))
    source = opened(path)
    found = all_of(source)
    assert len(found) == len(rows) + 1
    for row, read in zip(rows, found, strict=False):
        assert all(read[name] == value for name, value in row.items() if isinstance(value, str))
        assert all(read[name] is None for name in "abc" if name in read and row.get(name) is None)
