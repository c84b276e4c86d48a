"""Runs on a real Spark against the real service: resumed, cut short, and with rows that fail."""

import json
import os
import time
from dataclasses import replace

import pytest

from nlpbatch.errors import BudgetExhausted, ConfigError, TooManyErrors, Unauthenticated
from nlpbatch.spark.job import run
from nlpbatch.spark.runs.batches import Batches
from nlpbatch.spark.runs.microbatches import MicroBatches
from tests.fakes.service import problem

POISON = "가" * 400_000
"""Over the service's limit for one text."""


def states(tmp_path):
    paths = sorted((tmp_path / "out/_nlpbatch/attempts").glob("[!.]*"))
    return [json.loads(path.read_text())["state"] for path in paths]


def test_a_finished_run_does_nothing_and_new_files_are_picked_up(spark, source, options, rows, tmp_path, records):
    source("a.parquet", id=[1, 2], text=["하나", "둘"])
    first = run(spark, options())
    assert (first.rows, first.new_rows, first.complete) == (2, 2, True)
    again = run(spark, options())
    assert (again.rows, again.new_rows, again.attempts, again.client) == (2, 0, 2, first.client)
    source("b.parquet", id=[3], text=["셋"])
    third = run(spark, options())
    assert (third.rows, third.new_rows, third.batches) == (3, 1, 2)
    assert [(row["id"], row["run_batch"]) for row in rows()] == [(1, 0), (2, 0), (3, 1)]
    assert [set(record["files"]) for record in records()] == [
        {f"file:{source.folder}/a.parquet"},
        {f"file:{source.folder}/b.parquet"},
    ]
    assert states(tmp_path) == ["complete"] * 3


def test_an_old_file_that_comes_late_is_picked_up_too(spark, source, options):
    source("a.parquet", id=[1], text=["하나"])
    run(spark, options())
    source("b.parquet", id=[2], text=["둘"])
    os.utime(source.folder / "b.parquet", (1e9, 1e9))  # copied with its time of 2001
    assert run(spark, options()).rows == 2


def test_a_start_that_ends_after_the_rename_and_before_spark_has_noted_it_repeats_nothing(
    spark, source, options, monkeypatch
):
    source("a.parquet", id=[1], text=["하나"])
    commit = Batches.commit

    def killed(batches, record, staged):
        commit(batches, record, staged)
        raise ConnectionAbortedError("killed here")

    monkeypatch.setattr(Batches, "commit", killed)
    with pytest.raises(ConnectionAbortedError):
        run(spark, options())
    monkeypatch.undo()
    report = run(spark, options())
    assert (report.rows, report.new_rows, report.client["requests"], report.attempts) == (1, 0, 1, 2)


def test_a_start_that_ends_before_the_rename_leaves_no_rows_and_the_next_does_them(
    spark, source, options, rows, tmp_path, monkeypatch
):
    source("a.parquet", id=[1, 2], text=["하나", POISON])

    def killed(*_):
        raise ConnectionAbortedError("killed here")

    monkeypatch.setattr(Batches, "commit", killed)
    with pytest.raises(ConnectionAbortedError):
        run(spark, options())
    monkeypatch.undo()
    assert not list((tmp_path / "out").glob("run_batch=*"))
    report = run(spark, options())
    assert (report.rows, report.dead) == (2, 1)
    assert [row["id"] for row in rows()] == [1]
    assert list((tmp_path / "out/_nlpbatch/staging").iterdir()) == []
    assert states(tmp_path) == ["failed", "complete"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fields": ("form",)}, 'asked was .* is .*"fields": \\["form"\\]'),
        ({"text": ("other",)}, 'text was \\["text"\\], is \\["other"\\]'),
    ],
)
def test_an_output_that_was_created_with_different_settings_is_not_mixed(spark, source, options, rows, change, said):
    source("a.parquet", id=[1], text=["하나"], other=["다른"])
    run(spark, options())
    with pytest.raises(ConfigError, match=f"was created with different settings: {said}.*--reprocess"):
        run(spark, options(**change))
    assert len(rows()) == 1


def test_reprocess_creates_a_version_beside_the_output_and_later_resumes_it(spark, source, options, rows):
    source("a.parquet", id=[1], text=["하나"])
    run(spark, options())
    second = run(spark, options(reprocess=True, fields=("form",)))
    assert second.output.endswith("/out.v2")
    assert second.rows == 1
    assert [list(row["tokens"][0]) for row in rows("out.v2")] == [["form"]]
    assert list(rows()[0]["tokens"][0]) == ["form", "tag", "start", "end"]
    again = run(spark, options(reprocess=True, fields=("form",)))
    assert (again.output, again.new_rows) == (second.output, 0)


def test_a_budget_ends_a_run_between_two_micro_batches_and_the_next_start_resumes_it(
    spark, source, options, rows, tmp_path
):
    for number in range(4):
        source(f"{number}.parquet", id=[number], text=[f"글 {number}"])
    report = run(spark, options(batch_bytes=1, max_bytes=1))
    assert (report.rows, report.complete, report.stopped) == (1, False, "the budget of 1 bytes is used up")
    assert not (tmp_path / "out/_SUCCESS").exists()
    report = run(spark, options(batch_bytes=1))
    assert (report.rows, report.new_rows, report.batches, report.complete) == (4, 3, 4, True)
    assert [row["id"] for row in rows()] == [0, 1, 2, 3]
    assert (tmp_path / "out/_SUCCESS").exists()


def test_too_many_errors_stop_a_run_and_a_higher_ratio_resumes_it(
    spark, source, options, monkeypatch, tmp_path, records
):
    monkeypatch.setattr("nlpbatch.spark.runs.error_limit.MIN_ROWS", 2)
    for number in range(3):
        source(f"{number}.parquet", id=[number, -number], text=[POISON, "글"])
    with pytest.raises(TooManyErrors, match=r"1 of 2 rows failed \(50.0%\), allowed are 10.0%.*_nlpbatch/dead"):
        run(spark, options(batch_bytes=1, max_error_ratio=0.1))
    assert len(records()) == 1
    with pytest.raises(TooManyErrors):  # at once: what is known already is enough
        run(spark, options(batch_bytes=1, max_error_ratio=0.1))
    assert len(records()) == 1
    assert run(spark, options(batch_bytes=1, max_error_ratio=0.5)).dead == 3


def test_dead_letters_have_all_columns_and_what_went_wrong(spark, source, options, rows, dead):
    source("a.parquet", id=[1, 2, 3], text=["하나", POISON, None], more=["x", "y", "z"])
    report = run(spark, options())
    assert (report.rows, report.dead, report.nulls) == (3, 1, 1)
    assert [(row["id"], row["tokens"] is None) for row in rows()] == [(1, False), (3, True)]
    (letter,) = dead()
    assert (letter["id"], letter["text"], letter["more"], letter["tokens"]) == (2, POISON, "y", None)
    assert letter["error"]["code"] == "text_too_large"
    assert set(letter["error"]) == {"code", "message", "attempts", "request_id"}


def test_several_columns_are_analysed_and_a_row_is_dead_if_any_fails(spark, source, options, rows, dead):
    source("a.parquet", id=[1, 2], title=["제목", "제목"], body=["본문", POISON])
    report = run(spark, options(text=("title", "body")))
    (row,) = rows()
    assert [token["form"] for token in row["title_tokens"]] == ["제목"]
    assert [token["form"] for token in row["body_tokens"]] == ["본문"]
    (letter,) = dead()
    assert (letter["title_error"], letter["body_error"]["code"]) == (None, "text_too_large")
    assert (report.rows, report.dead, report.errors) == (2, 1, {"text_too_large": 1})


def test_a_key_that_is_revoked_in_mid_run_fails_it_and_the_next_start_resumes_it(spark, source, options, monkeypatch):
    for number in range(3):
        source(f"{number}.parquet", id=[number], text=[f"글 {number}"])
    process_batch = MicroBatches.process_batch

    def taken_back(batches, number):
        if number == 1:
            analysis = batches._writer.analysis
            call = replace(analysis.call, api_key="nlpb_0123456789ab_" + "x" * 43)
            batches._writer.analysis = replace(analysis, call=call)
        process_batch(batches, number)

    monkeypatch.setattr(MicroBatches, "process_batch", taken_back)
    with pytest.raises(Unauthenticated):
        run(spark, options(batch_bytes=1))
    monkeypatch.undo()
    assert run(spark, options(batch_bytes=1)).rows == 3


def test_a_job_whose_budget_is_used_up_stops_at_once_and_says_when_it_begins_again(spark, source, options, scripted):
    source("0.parquet", id=[1], text=["글"])
    spent = "the budget.bytes_per_day is used up: it begins again at 2027-01-31T00:00:00Z"
    service = scripted(problem(BudgetExhausted(spent, retry_after_s=3600)))
    started_s = time.monotonic()
    with pytest.raises(BudgetExhausted, match=spent):
        run(spark, options(service=service.url, patience_s=300.0))
    assert time.monotonic() - started_s < 200  # and not for as long as it would have patience
    assert len([exchange for exchange in service.exchanges if exchange.method == "POST"]) <= 4
