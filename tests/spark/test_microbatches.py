"""One start of a run: which micro-batches it does, when it stops, and the progress that it shows."""

from datetime import datetime, timedelta

import pytest

from nlpbatch.errors import TooManyErrors
from nlpbatch.spark.run_plan import plan_run
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.batch_writer import BatchWriter
from nlpbatch.spark.runs.batches import Batches
from nlpbatch.spark.runs.budget import InputBudget
from nlpbatch.spark.runs.error_limit import ErrorLimit
from nlpbatch.spark.runs.lease import OutputLease
from nlpbatch.spark.runs.microbatches import MicroBatches, RunResult
from nlpbatch.spark.runs.sizes import Sizes
from nlpbatch.spark.storage import Storage

POISON = "가" * 400_000
"""Over the service's limit for one text."""


@pytest.fixture
def start(spark, options):
    """Return a function that does one start of a run, a file in each micro-batch."""

    def run(*, budget=None, max_error_ratio=None, shows=()):
        session = spark.newSession()
        plan = plan_run(session, options())
        plan.begin()
        writer = BatchWriter(session, plan.analysis, plan.output, Sizes.choose(plan.source, 2, batch_bytes=1))
        limit = ErrorLimit(max_error_ratio, "/dead")
        with OutputLease(plan.output, layout.LEASE, "app") as lease:
            batches = MicroBatches(plan.source, writer, lease=lease, budget=budget or InputBudget(), error_limit=limit)
            return batches.run(shows)

    return run


@pytest.fixture
def files(source):
    for number in range(3):
        source(f"{number}.parquet", id=[number], text=[f"글 {number}"])


@pytest.fixture
def output(spark, tmp_path):
    return Storage(spark, str(tmp_path / "out"))


def test_every_file_is_done_once_and_the_next_start_does_new_ones_only(start, files, source, rows):
    assert start() == RunResult(3, None)
    assert start() == RunResult(0, None)
    source("new.parquet", id=[3], text=["새 글"])
    assert start() == RunResult(1, None)
    assert [row["id"] for row in rows()] == [0, 1, 2, 3]


def test_a_start_whose_time_is_over_does_nothing_and_says_so(start, files, output):
    past = datetime.now().astimezone() - timedelta(minutes=1)
    for _ in range(2):
        assert start(budget=InputBudget(until=past)) == RunResult(0, f"it is {past:%Y-%m-%d %H:%M}")
        output.write_text(layout.SUCCESS, "")
    assert list(Batches(output).records()) == []
    assert output.exists(layout.SUCCESS)


def test_a_micro_batch_that_has_started_is_finished_though_it_uses_up_the_budget(start, files):
    assert start(budget=InputBudget(max_bytes=1)) == RunResult(1, "the budget of 1 bytes is used up")
    assert start(budget=InputBudget(max_bytes=1)) == RunResult(1, "the budget of 1 bytes is used up")
    assert start() == RunResult(1, None)


def test_an_output_is_not_marked_as_complete_while_there_is_something_to_do(start, files, output, source):
    start()
    output.write_text(layout.SUCCESS, "")
    start()
    assert output.exists(layout.SUCCESS)
    source("new.parquet", id=[3], text=["새 글"])
    start()
    assert not output.exists(layout.SUCCESS)  # the job writes it, after its report


def test_failed_rows_of_earlier_starts_count_and_stop_the_next_before_it_sends_anything(
    start, files, source, output, monkeypatch
):
    monkeypatch.setattr("nlpbatch.spark.runs.error_limit.MIN_ROWS", 1)
    source("poison.parquet", id=[9], text=[POISON])
    start()
    source("new.parquet", id=[10], text=["새 글"])
    with pytest.raises(TooManyErrors, match=r"1 of 4 rows failed \(25.0%\), allowed are 10.0%"):
        start(max_error_ratio=0.1)
    assert sum(record.rows for record in Batches(output).records()) == 4
    assert start(max_error_ratio=0.25) == RunResult(1, None)


def test_progress_is_of_what_this_start_has_to_do(start, files, source):
    start()
    source("new.parquet", id=[3, 4], text=["새 글", "또"])
    seen = []
    start(shows=[seen.append])
    last = seen[-1]
    size = (source.folder / "new.parquet").stat().st_size
    assert (last.rows, last.rows_total, last.done_bytes, last.total_bytes) == (2, 2, size, size)


def test_leftovers_of_a_start_that_was_killed_are_swept(start, files, output):
    start()
    output.write_text(f"{layout.STAGING}/run_batch=000000-0123abcd/part-0.parquet", "half of a file")
    start()
    assert output.names(layout.STAGING) == []
