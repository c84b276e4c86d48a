"""The report of files as people have them: what can't be looked at is named, and the report is made nevertheless."""

import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.cli import main

LONG_BYTES = 9_000_000


def profiled(tmp_path, source, *arguments):
    """Return the exit code of a report of everything, and its numbers."""
    report = tmp_path / "report.html"
    code = main(["profile", str(source), "--all", "-o", str(report), *arguments])
    return code, json.loads(report.with_suffix(".json").read_text(encoding="utf-8")) if report.exists() else None


def test_a_text_that_the_service_does_not_take_is_left_out(stack, tmp_path):
    (tmp_path / "a.csv").write_text("id,t\n1,재밌는 영화\n2," + "가" * (LONG_BYTES // 3) + "\n3,\n", encoding="utf-8")
    service = ("--service", stack.service, "--api-key", stack.api_key)
    code, found = profiled(tmp_path, tmp_path / "a.csv", "--text", "t", *service)
    assert code == 0
    assert found["texts"]["rows"] == 3
    assert found["lengths"]["characters"]["longest"] == LONG_BYTES // 3
    assert [one["word"] for one in found["words"]["frequent"]]
    assert "1 texts have no tokens: they have more than 1,048,576 bytes, the service's limit" in found["notes"]


@pytest.mark.parametrize("role", ["--label", "--group", "--date"])
def test_half_floats_are_numbers(tmp_path, role):
    table = pa.table({"t": ["가", "나", "다"], "half": pa.array(np.array([1.5, 2.5, 1.5], np.float16))})
    pq.write_table(table, tmp_path / "a.parquet")
    code, found = profiled(tmp_path, tmp_path / "a.parquet", "--text", "t", role, "half", "--tokens", "0")
    assert code == 0
    if role == "--label":
        assert [(one["value"], one["count"]) for one in found["labels"]] == [("1.5", 2), ("2.5", 1)]


@pytest.mark.parametrize("role", ["--text", "--label", "--group", "--date"])
def test_text_that_is_not_utf_8_is_refused_with_the_encoding_that_fits(tmp_path, capsys, role):
    bytes_ = pa.array(["똠방각하".encode("cp949"), None, "펲시콜라".encode("cp949")])
    text = pa.StringArray.from_buffers(3, bytes_.buffers()[1], bytes_.buffers()[2], bytes_.buffers()[0])
    pq.write_table(pa.table({"t": ["가", "나", "다"], "odd": text}), tmp_path / "a.parquet")
    columns = {"--text": "t"} | {role: "odd"}
    arguments = [one for pair in columns.items() for one in pair]
    assert profiled(tmp_path, tmp_path / "a.parquet", *arguments, "--tokens", "0") == (2, None)
    said = capsys.readouterr().err
    assert "column 'odd' has 2 values that are not UTF-8; their bytes fit CP949: write the file in UTF-8" in said
    assert "Traceback" not in said


def test_columns_of_any_type_are_reported_or_refused(tmp_path, capsys):
    odd = {
        "time": pa.array([1, 2], pa.time64("ns")),
        "duration": pa.array([1, 2], pa.duration("s")),
        "decimal": pa.array([Decimal(1), Decimal(2)], pa.decimal128(5, 2)),
        "list": pa.array([[1], [2]]),
        "bytes": pa.array([b"a", b"b"]),
        "flag": pa.array([True, False]),
    }
    for name, values in odd.items():
        pq.write_table(pa.table({"t": ["가", "나"], name: values}), tmp_path / f"{name}.parquet")
        for role in ("--label", "--group", "--date"):
            arguments = ("--text", "t", role, name, "--tokens", "0")
            code, _ = profiled(tmp_path, tmp_path / f"{name}.parquet", *arguments)
            assert (code == 2) == (name in {"list", "bytes"})
            assert code == 0 or f"column '{name}' holds" in capsys.readouterr().err
