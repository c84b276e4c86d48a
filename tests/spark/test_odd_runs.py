"""Whole runs over files that people have: every row once, and an ending that says what was not read."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError, InternalError, UnreadableInput
from nlpbatch.spark.job import run
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.batches import Batches
from tests.fakes.odd_files import CASES, KOREAN, several


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("names that patterns and addresses use", ""),
        ("names that patterns and addresses use", "*.parquet"),
        ("one file with brackets in its name", "a[1].parquet"),
        ("directories of uneven depth", ""),
        ("CSV files with odd names", ""),
        ("columns in another order, and one more", "[ab].csv"),
        ("CP949 with its encoding", ""),
        ("a JSON array as pandas writes it", "a[1].json"),
        ("nanoseconds as pandas writes them", ""),
        ("ORC with nested values", ""),
    ],
)
def test_every_row_is_written_once(spark, source, options, rows, name, path):
    case = CASES[name]
    here = case.write(source.folder)
    report = run(spark, options(input=f"{source.folder}/{path}", encoding=case.encoding or "utf-8"))
    assert report.rows == len(here)
    assert not report.set_aside
    assert sorted(str(row["text"]) for row in rows()) == sorted(str(row["text"]) for row in here)
    assert [row["tokens"] is None for row in rows()].count(True) == [row["text"] for row in here].count(None)


def test_rows_that_are_more_than_the_files_have_are_not_kept(spark, source, options, tmp_path, monkeypatch):
    several(source.folder, ("a.parquet",))
    honest = BatchFiles.count
    monkeypatch.setattr(BatchFiles, "count", lambda files: honest(files) - 1)
    with pytest.raises(InternalError, match="2 rows were read of files that have 1: nothing of this micro-batch"):
        run(spark, options())
    assert not list((tmp_path / "out").glob("run_batch=*"))
    monkeypatch.undo()
    assert run(spark, options()).rows == 2


def test_a_file_that_cannot_be_read_is_named_until_it_is_taken_out_of_the_input(spark, source, options, rows):
    CASES["a quote that is never closed"].write(source.folder)
    report = run(spark, options())
    bad = f"file:{source.folder}/b.csv"
    assert report.unread == {bad: "a quote in the record of line 3 is never closed"}
    assert [row["text"] for row in rows()] == [KOREAN]
    assert run(spark, options()).unread == report.unread
    (source.folder / "b.csv").unlink()
    last = run(spark, options())
    assert (last.unread, last.set_aside) == ({}, report.unread)


def test_a_run_that_can_read_nothing_has_failed_whenever_it_is_started(spark, source, options, tmp_path):
    source("a.parquet", id=list(range(2_000)), text=[f"글 {number}" for number in range(2_000)])
    data = (source.folder / "a.parquet").read_bytes()
    (source.folder / "a.parquet").write_bytes(data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :])
    for _ in range(2):
        with pytest.raises(
            UnreadableInput, match=r"all 1 files of the input were set aside.*a\.parquet: it is damaged"
        ):
            run(spark, options())
    assert not (tmp_path / "out/_SUCCESS").exists()
    assert json.loads((tmp_path / "out/_nlpbatch/summary.json").read_text())["files"] == 1
    several(source.folder, ("b.parquet",))
    assert run(spark, options()).rows == 2


def test_a_file_that_is_gone_when_its_micro_batch_is_done_again_is_set_aside(spark, source, options, monkeypatch):
    several(source.folder, ("a.parquet", "b.parquet"))

    def killed(*_):
        raise ConnectionAbortedError("killed here")

    monkeypatch.setattr(Batches, "commit", killed)
    with pytest.raises(ConnectionAbortedError):
        run(spark, options())
    monkeypatch.undo()
    (source.folder / "a.parquet").unlink()
    report = run(spark, options())
    assert report.set_aside == {f"file:{source.folder}/a.parquet": "it is gone"}
    assert (report.rows, report.unread) == (2, {})


def test_columns_with_dots_blanks_and_backticks_are_analysed_and_chosen_by(spark, source, options, rows):
    columns = {"id": [1, 2], "review.text": ["하나", "둘"], "리뷰 `본문`": ["셋", "넷"], "점.수": [1, 9]}
    pq.write_table(pa.table(columns), source.folder / "a.parquet")
    run(spark, options(text=("review.text", "리뷰 `본문`"), where="`점.수` > 5"))
    (row,) = rows()
    assert [token["form"] for token in row["review.text_tokens"]] == ["둘"]
    assert [token["form"] for token in row["리뷰 `본문`_tokens"]] == ["넷"]
    assert (row["점.수"], row["id"]) == (9, 2)


@pytest.mark.parametrize("name", ["tokens", "Tokens", "error"])
def test_a_column_that_the_output_adds_is_refused_before_anything_is_written(spark, source, options, tmp_path, name):
    source("a.parquet", **{"text": ["하나"], name: ["x"]})
    with pytest.raises(ConfigError, match=f"a column '{name}', which the output adds: rename it in the input"):
        run(spark, options())
    assert not (tmp_path / "out").exists()
