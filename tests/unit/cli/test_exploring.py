"""`nlpbatch sample` and `nlpbatch profile`: from a data set to a report, with errors in one line."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.cli import main
from nlpbatch.formats import file_systems


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.delenv("NLPBATCH_SERVICE", raising=False)
    table = pa.table({"review": [f"영화 {number} 재밌다" for number in range(1_000)], "label": [0, 1] * 500})
    pq.write_table(table, tmp_path / "reviews.parquet", row_group_size=50)
    return tmp_path


def run(*arguments):
    return main([str(one) for one in arguments])


def test_a_sample_and_its_report(data, capsys):
    assert run("sample", data / "reviews.parquet", "-o", data / "sample.parquet", "--rows", 100) == 0
    assert "100 of 1,000 rows from" in capsys.readouterr().err
    assert run("profile", data / "sample.parquet", "--text", "review", "--label", "label", "-o", data / "r.html") == 0
    assert "no service was named, so that there are no tokens" in capsys.readouterr().err
    found = json.loads((data / "r.json").read_text(encoding="utf-8"))
    assert found["sample"]["rows"] == 100
    assert [one["value"] for one in found["labels"]] == ["0", "1"]
    assert "<!doctype html>" in (data / "r.html").read_text(encoding="utf-8")


def test_with_all_the_whole_data_set_is_profiled(data, capsys):
    given = ("--text", "review", "-o", data / "r.html", "--tokens", 0)
    assert run("profile", data / "reviews.parquet", *given) == 2
    assert "doesn't say how it was sampled" in capsys.readouterr().err
    assert run("profile", data / "reviews.parquet", "--all", *given) == 0
    assert capsys.readouterr().err.startswith(f"{data / 'r.html'} and ")
    found = json.loads((data / "r.json").read_text(encoding="utf-8"))
    assert found["sample"]["rows"] == 1_000
    assert found["lengths"]["characters"]["margin"] == 0


def test_tab_separated_lines_without_a_header_are_read_as_the_options_say(data):
    (data / "ratings.txt").write_text("1\t재밌다\n2\t지루하다\n", encoding="utf-8")
    how = ("--format", "csv", "--separator", r"\t", "--no-header")
    assert run("sample", data / "ratings.txt", "-o", data / "s.parquet", *how, "--columns", "_c1") == 0
    assert sorted(pq.read_table(data / "s.parquet")["_c1"].to_pylist()) == ["재밌다", "지루하다"]


def test_files_are_read_as_they_are_named_and_written(data, capsys):
    rows = pa.table({"review": ["영화, 좋다", "두\n줄"]}).to_pandas()
    rows.to_csv(data / "a[1].tsv", sep="\t", index=False, encoding="cp949")
    assert run("sample", data / "a[1].tsv", "-o", data / "a1.tsv") == 2
    assert "a[1].tsv is not UTF-8: its bytes fit CP949; give --encoding cp949" in capsys.readouterr().err
    assert run("sample", data / "a[1].tsv", "--encoding", "euc-kr", "-o", data / "a1.tsv") == 0
    assert sorted(pq.read_table(data / "a1.tsv")["review"].to_pylist()) == ["두\n줄", "영화, 좋다"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "reviews.parquet", "-o", "reviews.parquet"),
        ("sample", ".", "-o", "sample.parquet"),
        ("sample", "*.parquet", "-o", "reviews.parquet"),
        ("profile", "reviews.json", "--all", "--text", "review", "--tokens", "0", "-o", "reviews.html"),
        ("profile", "reviews.json", "--all", "--text", "review", "--tokens", "0", "-o", "reviews.json"),
    ],
)
def test_nothing_is_written_over_what_is_read(data, monkeypatch, capsys, arguments):
    monkeypatch.chdir(data)
    (data / "reviews.json").write_text('{"review": "가"}\n', encoding="utf-8")
    before = {file.name: file.read_bytes() for file in data.iterdir()}
    assert run(*arguments) == 2
    assert {file.name: file.read_bytes() for file in data.iterdir()} == before
    assert "would" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "nowhere.parquet", "-o", "s.parquet"), "isn't there: check the path"),
        (("sample", "reviews.parquet", "-o", "hdfs://name/s.parquet"), "is not on this machine"),
        (("sample", "reviews.parquet", "-o", "s.parquet", "--columns", "text"), "no column 'text'"),
        (("sample", "reviews.parquet", "-o", "s.parquet", "--rows", "0"), "rows is 0"),
        (("sample", "reviews.parquet", "-o", "s.parquet", "--read-bytes", "0"), "read_bytes is 0"),
        (("sample", "hdfs://127.0.0.1:1/x", "-o", "s.parquet"), "can't be read"),
        (("sample", "what://x/y", "-o", "s.parquet"), "install fsspec's package for it"),
        (("profile", "nowhere.parquet", "--text", "a", "-o", "r.html"), "can't be read as Parquet"),
        (("profile", "s3://bucket/s.parquet", "--text", "a", "-o", "r.html"), "is not on this machine"),
        (("profile", "x", "--text", "a", "-o", "r.html", "--tokens", "-1"), "--tokens is -1"),
    ],
)
def test_an_error_is_printed_in_one_line(data, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(data)
    monkeypatch.setattr(file_systems, "_ATTEMPTS", 1)
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
