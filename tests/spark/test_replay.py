"""Dead letters sent again, and merged into the micro-batches that they came from."""

import os

import pytest

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.errors import ConfigError
from nlpbatch.spark.job import run
from nlpbatch.spark.replay import ReplayOptions, replay
from nlpbatch.spark.runs.merging import Merges

BATCHES = int(os.environ.get("NLPBATCH_TEST_BATCHES", "10"))
ROWS = 20
TOO_LARGE = "글 " * 60_000
TOO_SLOW = "가나다라마바사 " * 6_000
"""Takes about a second."""
STRICT = """
[limits]
text_bytes = 200_000
document_s = 0.4
"""


def test_one_poison_in_each_batch_costs_that_row_only_and_a_replay_mends_all(
    spark, source, options, rows, dead, tmp_path
):
    for number in range(BATCHES):
        texts = [f"글 {number}-{row}" for row in range(ROWS)]
        texts[number % ROWS] = f"{number} {TOO_SLOW if number % 2 else TOO_LARGE}"
        source(f"{number}.parquet", id=list(range(ROWS * number, ROWS * number + ROWS)), text=texts)
    strict, generous = tmp_path / "strict.toml", tmp_path / "generous.toml"
    strict.write_text(STRICT)
    generous.write_text("")
    with Stack(StackOptions(workers=2, server_config=strict)) as stack:
        report = run(spark, options(batch_bytes=1, service=stack.service, api_key=stack.api_key))
    codes = {"deadline_exceeded": BATCHES // 2, "text_too_large": BATCHES - BATCHES // 2}
    assert (report.batches, report.rows, report.dead, report.errors) == (BATCHES, ROWS * BATCHES, BATCHES, codes)
    poisoned = {ROWS * number + number % ROWS for number in range(BATCHES)}
    assert {letter["id"]: letter["error"]["code"] for letter in dead()} == {
        one: "deadline_exceeded" if one // ROWS % 2 else "text_too_large" for one in poisoned
    }
    # what is over the service's limit isn't sent at all
    assert all((letter["error"]["attempts"] >= 1) == (letter["error"]["code"] != "text_too_large") for letter in dead())
    assert [row["id"] for row in rows()] == sorted(set(range(ROWS * BATCHES)) - poisoned)
    with Stack(StackOptions(workers=2, server_config=generous)) as stack:
        done = replay(spark, ReplayOptions(str(tmp_path / "out"), stack.service, stack.api_key))
    assert (done.sent, done.recovered, done.report.dead, done.report.errors) == (BATCHES, BATCHES, 0, {})
    assert dead() == []
    assert [row["id"] for row in rows()] == list(range(ROWS * BATCHES))
    assert all(row["tokens"] for row in rows())


def test_a_replay_merges_what_is_answered_now_wherever_it_is_killed(
    spark, source, options, rows, dead, tmp_path, monkeypatch, records
):
    small, large = tmp_path / "small.toml", tmp_path / "large.toml"
    small.write_text("[limits]\ntext_bytes = 100\n")
    large.write_text("")
    for number in range(3):
        source(f"{number}.parquet", id=[3 * number, 3 * number + 1, 3 * number + 2], text=["글", "긴 글 " * 20, "끝"])
    with Stack(StackOptions(workers=1, server_config=small)) as strict:
        given = {"service": strict.service, "api_key": strict.api_key}
        assert run(spark, options(batch_bytes=1, **given)).dead == 3
    with Stack(StackOptions(workers=1, server_config=large)) as generous:
        asked = ReplayOptions(str(tmp_path / "out"), generous.service, generous.api_key)
        moves = []
        move = Merges._move

        def killed(merges, merge):
            moves.append(merge)
            if len(moves) == 2:
                raise ConnectionAbortedError("killed here")
            move(merges, merge)

        monkeypatch.setattr(Merges, "_move", killed)
        with pytest.raises(ConnectionAbortedError):
            replay(spark, asked)
        monkeypatch.undo()
        assert len(dead()) == 2
        done = replay(spark, asked)
    assert (done.sent, done.recovered, done.report.dead, done.report.errors) == (1, 1, 0, {})
    assert dead() == []
    found = rows()
    assert [row["id"] for row in found] == list(range(9))
    assert all(row["error"] is None and row["tokens"] for row in found)
    assert done.report.tokens == sum(len(row["tokens"]) for row in found)
    assert [record["rows"] for record in records()] == [3, 3, 3]


def test_a_replay_of_nothing_and_of_no_output(spark, source, options, tmp_path, stack):
    source("a.parquet", id=[1], text=["하나"])
    run(spark, options())
    done = replay(spark, ReplayOptions(str(tmp_path / "out"), stack.service, stack.api_key))
    assert (done.sent, done.recovered) == (0, 0)
    with pytest.raises(ConfigError, match="is not an output of the analysis job"):
        replay(spark, ReplayOptions(str(tmp_path / "in"), stack.service, stack.api_key))
