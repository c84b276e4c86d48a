"""Runs on a real Spark against the real service: gone on with, cut short, and of inputs of all kinds."""

import gzip
import json
import os
import time
from dataclasses import replace

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import BudgetExhausted, ConfigError, InvalidRequest, TooManyErrors, Unauthenticated
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
def test_an_output_that_was_begun_otherwise_is_not_mixed(spark, source, options, rows, change, said):
    source("a.parquet", id=[1], text=["하나"], other=["다른"])
    run(spark, options())
    with pytest.raises(ConfigError, match=f"was created with different settings: {said}.*--reprocess"):
        run(spark, options(**change))
    assert len(rows()) == 1


def test_reprocess_begins_a_version_beside_and_goes_on_with_it(spark, source, options, rows):
    source("a.parquet", id=[1], text=["하나"])
    run(spark, options())
    second = run(spark, options(reprocess=True, fields=("form",)))
    assert second.output.endswith("/out.v2")
    assert second.rows == 1
    assert [list(row["tokens"][0]) for row in rows("out.v2")] == [["form"]]
    assert list(rows()[0]["tokens"][0]) == ["form", "tag", "start", "end"]
    again = run(spark, options(reprocess=True, fields=("form",)))
    assert (again.output, again.new_rows) == (second.output, 0)


def test_a_budget_ends_a_run_between_two_micro_batches_and_the_next_goes_on(spark, source, options, rows, tmp_path):
    for number in range(4):
        source(f"{number}.parquet", id=[number], text=[f"글 {number}"])
    report = run(spark, options(batch_bytes=1, max_bytes=1))
    assert (report.rows, report.complete, report.stopped) == (1, False, "the budget of 1 bytes is used up")
    assert not (tmp_path / "out/_SUCCESS").exists()
    report = run(spark, options(batch_bytes=1))
    assert (report.rows, report.new_rows, report.batches, report.complete) == (4, 3, 4, True)
    assert [row["id"] for row in rows()] == [0, 1, 2, 3]
    assert (tmp_path / "out/_SUCCESS").exists()


def test_too_many_errors_stop_a_run_and_a_higher_ratio_lets_it_go_on(
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


def test_partition_directories_are_columns(spark, source, options, rows):
    source("날=2026-11-24/장르=드 라마/a.parquet", id=[1], text=["하나"])
    source("날=2026-11-25/장르=영화/a.parquet", id=[2], text=["둘"])
    run(spark, options())
    assert [(str(row["날"]), row["장르"]) for row in rows()] == [("2026-11-24", "드 라마"), ("2026-11-25", "영화")]


def test_several_columns_are_analysed_and_a_row_is_dead_if_any_fails(spark, source, options, rows, dead):
    source("a.parquet", id=[1, 2], title=["제목", "제목"], body=["본문", POISON])
    report = run(spark, options(text=("title", "body")))
    (row,) = rows()
    assert [token["form"] for token in row["title_tokens"]] == ["제목"]
    assert [token["form"] for token in row["body_tokens"]] == ["본문"]
    (letter,) = dead()
    assert (letter["title_error"], letter["body_error"]["code"]) == (None, "text_too_large")
    assert (report.rows, report.dead, report.errors) == (2, 1, {"text_too_large": 1})


def test_arrays_of_strings_are_analysed_element_by_element(spark, source, options, rows):
    source("a.parquet", id=[1, 2, 3], text=[["하나", None, "둘 셋"], [], None])
    report = run(spark, options())
    first, second, third = (row["tokens"] for row in rows())
    assert [[token["form"] for token in tokens or ()] for tokens in first] == [["하나"], [], ["둘", "셋"]]
    assert first[1] is None
    assert (second, third) == ([], None)
    assert (report.tokens, report.nulls, report.text_bytes) == (3, 1, len("하나둘 셋".encode()))


FORMATS = {
    "a.orc": lambda path: pyarrow.orc.write_table(pa.table({"id": [1, 2], "text": ["하나", "둘"]}), path),
    "a.jsonl": lambda path: path.write_text('{"id": 1, "text": "하나"}\n{"id": 2, "text": "둘"}\n'),
    "a.json.gz": lambda path: path.write_bytes(
        gzip.compress('{"id": 1, "text": "하나"}\n{"id": 2, "text": "둘"}\n'.encode())
    ),
    "a.csv": lambda path: path.write_text('id,text\n1,"하나"\n2,"둘"\n'),
}


@pytest.mark.parametrize("name", FORMATS)
def test_other_formats_are_told_from_their_names(spark, source, options, rows, name):
    FORMATS[name](source.folder / name)
    assert run(spark, options()).rows == 2
    assert [(str(row["id"]), row["text"]) for row in rows()] == [("1", "하나"), ("2", "둘")]


def test_lines_of_text_are_rows(spark, source, options, rows):
    (source.folder / "a.txt").write_text("하나\n\n둘\n")
    assert run(spark, options(text=("value",))).rows == 3
    assert {row["value"] for row in rows()} == {"하나", "", "둘"}


def test_a_csv_as_spreadsheets_write_it_and_with_options_of_its_own(spark, source, options, rows):
    (source.folder / "a.csv").write_text('id;text\n1;"두 줄\n""인용"""\n')
    run(spark, options(reader={"sep": ";"}))
    assert [row["text"] for row in rows()] == ['두 줄\n"인용"']


@pytest.mark.parametrize(
    ("name", "text", "bad"),
    [
        ("a.csv", "id,text\n1,하나\n2\n3,셋\n", "2"),
        ("a.jsonl", '{"id": "1", "text": "하나"}\n{"id": \n{"id": "3", "text": "셋"}\n', '{"id": '),
    ],
)
def test_a_line_that_cannot_be_parsed_is_a_dead_letter(spark, source, options, rows, dead, name, text, bad):
    (source.folder / name).write_text(text)
    report = run(spark, options())
    assert (report.rows, report.dead, report.errors) == (3, 1, {"malformed_record": 1})
    assert [row["id"] for row in rows()] == ["1", "3"]
    assert [letter["_corrupt_record"] for letter in dead()] == [bad]


def test_only_rows_that_meet_a_condition_are_taken_and_bad_lines_are_not_lost(spark, source, options, rows, dead):
    (source.folder / "a.jsonl").write_text('{"id": "1", "text": "하나"}\n{"id": \n{"id": "3", "text": "셋"}\n')
    report = run(spark, options(where="id > 1"))
    assert (report.rows, report.dead) == (2, 1)
    assert [row["id"] for row in rows()] == ["3"]
    assert [letter["_corrupt_record"] for letter in dead()] == ['{"id": ']
    with pytest.raises(ConfigError, match="where was id > 1, is null"):
        run(spark, options())
    with pytest.raises(ConfigError, match=r"where 'idd > 1' can't be used: .*UNRESOLVED_COLUMN"):
        run(spark, options(where="idd > 1", overwrite=True))


def damage(path, how):
    whole = bytearray(path.read_bytes())
    if how == "cut short":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "other bytes":
        path.write_bytes(b"garbage" * 100)
    else:  # its footer is whole: noticed only when the rows are read
        path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])


@pytest.mark.parametrize("how", ["cut short", "other bytes", "pages"])
def test_a_damaged_file_among_good_ones_is_set_aside_and_named(spark, source, options, rows, tmp_path, how):
    for number in range(3):
        texts = [f"글 {number}-{row}" for row in range(2_000)]
        source(f"{number}.parquet", id=list(range(number * 2_000, number * 2_000 + 2_000)), text=texts)
    path = source.folder / "1.parquet"
    damage(path, how)
    report = run(spark, options())
    assert report.set_aside == {f"file:{path}": "it is damaged, or not of this format"}
    assert report.rows == 4_000
    assert f"set aside  file:{path}" in report.to_text()
    assert {row["id"] for row in rows()} == {*range(2_000), *range(4_000, 6_000)}


def test_a_column_of_another_type_in_one_file_is_named_before_anything_is_sent(spark, source, options, tmp_path):
    source("a.parquet", id=[1], text=["하나"])
    source("b.parquet", id=[2], text=[2.5])
    with pytest.raises(ConfigError, match=r"column 'text' is .* in \S*\.parquet and .* in \S*\.parquet"):
        run(spark, options())
    assert not (tmp_path / "out").exists()


def test_files_with_more_columns_than_others_are_one_table(spark, source, options, rows):
    source("a.parquet", id=[1], text=["하나"])
    source("b.parquet", id=[2], text=["둘"], more=[7])
    run(spark, options())
    assert [row["more"] for row in rows()] == [None, 7]


def test_a_column_that_comes_later_is_not_dropped_silently(spark, source, options):
    source("a.parquet", id=[1], text=["하나"])
    run(spark, options())
    source("b.parquet", id=[2], text=["둘"], more=[7])
    with pytest.raises(ConfigError, match=r"schema was .*, is .*more.*--reprocess"):
        run(spark, options())


@pytest.mark.parametrize(
    ("prepare", "change", "said"),
    [
        (lambda _: None, {}, "holds no files: check the path"),
        (lambda add: (add("a.parquet", text=["x"]), (add.folder / "b.csv").write_text("x")), {}, "several formats"),
        (lambda add: add("a.parquet", text=["x"], run_batch=[1]), {}, "has a column 'run_batch'"),
        (lambda add: add("a.parquet", text=["x"]), {"schema": "text strin"}, "schema 'text strin' can't be read"),
        (lambda add: add("a.parquet", text=["x"]), {"format": "orc"}, "can't be read as orc"),
    ],
)
def test_an_input_that_cannot_be_used_is_told_before_anything_is_written(
    spark, source, options, tmp_path, prepare, change, said
):
    prepare(source)
    with pytest.raises(ConfigError, match=said):
        run(spark, options(**change))
    assert not (tmp_path / "out").exists()


def test_a_column_that_is_no_text_is_refused(spark, source, options):
    source("a.parquet", id=[1], text=[2.5])
    with pytest.raises(InvalidRequest, match="column 'text' is double, not string"):
        run(spark, options())


def test_a_key_that_is_taken_back_in_the_middle_fails_the_run_and_the_next_goes_on(spark, source, options, monkeypatch):
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


def test_one_huge_row_and_a_thousand_tiny_files(spark, source, options, rows):
    source("huge.parquet", id=[-1], text=["가" * 7_000_000])
    for number in range(1_000):
        (source.folder / f"{number}.parquet").write_bytes(tiny(number))
    report = run(spark, options())
    assert (report.rows, report.dead, report.files) == (1_001, 1, 1_001)
    assert [row["id"] for row in rows()] == list(range(1_000))


def tiny(number):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": [number], "text": [f"글 {number}"]}), sink)
    return sink.getvalue().to_pybytes()
