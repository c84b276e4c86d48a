import io
import sys
import threading
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py4j.protocol import Py4JError

from nlpbatch.spark import progress
from nlpbatch.spark.progress import Progress, RowCounter, bytes_text, on_terminal, progress_line, watching

PATIENCE_S = 20


class BrokenPipe(io.StringIO):
    def write(self, _):
        raise BrokenPipeError("nobody reads any more")


def progress_at(rows=0, total=30, seconds=1.0, **changes):
    """A run whose files have one byte for each row."""
    values = {"rows": rows, "rows_total": total, "done_bytes": rows, "total_bytes": total, "seconds": seconds}
    return Progress(**values | changes)


def test_a_line_says_how_far_how_fast_and_how_long():
    line = progress_line(progress_at(5_000, 20_000, 2.5))
    assert line == "analyze: 5,000 of 20,000 rows, 5.0 kB of 20.0 kB (25%), 2,000 rows/s, about 0:00:08 left"


def test_a_finished_line_has_no_time_left():
    assert progress_line(progress_at(20_000, 20_000, 10)).endswith("(100%), 2,000 rows/s")


def test_a_line_before_the_first_row_has_no_time_left():
    line = progress_line(progress_at(0, 20_000, 3))
    assert line == "analyze: 0 of 20,000 rows, 0 B of 20.0 kB (0%), 0 rows/s"


def test_an_empty_run_is_done():
    assert progress_line(progress_at(0, 0)) == "analyze: 0 of 0 rows, 0 B of 0 B (100%), 0 rows/s"


def test_a_guess_is_called_one_and_what_nobody_knows_is_left_out():
    assert "5 of about 30 rows" in progress_line(progress_at(5, exact=False))
    assert progress_line(progress_at(5, rows_total=None)).startswith("analyze: 5 rows, ")


def test_a_run_that_waits_for_the_service_says_so():
    assert "throttled 40%" in progress_line(progress_at(5, throttled=0.4))
    assert "throttled" not in progress_line(progress_at(5, throttled=0.001))


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB"), (3e9, "3.0 GB"), (5e15, "5,000.0 TB")],
)
def test_sizes_are_written_for_people(size_bytes, text):
    assert bytes_text(size_bytes) == text


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1e6))
def test_any_figures_make_one_line(done, total, elapsed_s):
    assert "\n" not in progress_line(progress_at(done, total, elapsed_s))


def test_a_log_gets_plain_lines_and_ends_with_all_rows():
    log = io.StringIO()
    with watching(lambda: progress_at(30), out=log):
        pass
    (line,) = log.getvalue().splitlines()
    assert line.startswith("analyze: 30 of 30 rows, 30 B of 30 B (100%)")
    assert "\x1b" not in log.getvalue()


def test_a_log_gets_a_line_each_period(monkeypatch):
    monkeypatch.setattr(progress, "_LINE_PERIOD_S", 0.001)
    log, asked = io.StringIO(), threading.Semaphore(0)
    rows = iter(range(10, 1_000_000))

    def look():
        asked.release()
        return progress_at(next(rows))

    with watching(look, out=log):
        for _ in range(3):
            assert asked.acquire(timeout=PATIENCE_S)
    lines = log.getvalue().splitlines()
    assert [line.partition(" of ")[0] for line in lines[:2]] == ["analyze: 10", "analyze: 11"]


def test_other_observers_get_progress_as_well_and_always_a_last_time():
    observed = []
    with pytest.raises(LookupError), watching(lambda: progress_at(7), out=io.StringIO(), others=[observed.append]):
        raise LookupError("the job's own failure")
    assert [found.rows for found in observed] == [7]


def test_an_observer_that_fails_does_not_fail_the_job():
    def away(_):
        raise ConnectionError("no gateway")

    log = io.StringIO()
    with watching(lambda: progress_at(30), out=log, others=[away]):
        pass
    assert log.getvalue().startswith("analyze: 30")


def test_a_run_that_fails_is_not_said_to_have_ended():
    log = io.StringIO()
    with pytest.raises(LookupError), watching(progress_at, out=log):
        raise LookupError("the job's own failure")
    assert log.getvalue() == ""


def test_the_watching_thread_ends_with_the_block():
    with watching(progress_at, out=io.StringIO()):
        assert "progress" in {thread.name for thread in threading.enumerate()}
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_a_terminal_gets_a_bar():
    terminal = io.StringIO()
    with watching(lambda: progress_at(30), terminal=True, out=terminal):
        pass
    assert "30 of 30 rows" in terminal.getvalue()
    assert "100%" in terminal.getvalue()
    assert "\x1b" in terminal.getvalue()


def test_a_terminal_without_rich_gets_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    terminal = io.StringIO()
    with watching(lambda: progress_at(30), terminal=True, out=terminal):
        pass
    assert terminal.getvalue().startswith("analyze: 30 of 30 rows")


def test_a_reader_that_has_left_fails_no_job():
    done = []
    with watching(progress_at, out=BrokenPipe()):
        done.append(True)
    assert done


def test_a_closed_log_fails_no_job():
    log = io.StringIO()
    done = []
    with watching(progress_at, out=log):
        log.close()
        done.append(True)
    assert done


def test_it_goes_to_stderr_as_it_is_at_the_time(capsys):
    with watching(lambda: progress_at(2, 2)):
        pass
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("analyze: 2 of 2 rows")


@pytest.mark.parametrize(
    ("console", "expected"),
    [
        (None, False),
        (Mock(isTerminal=Mock(return_value=False)), False),
        (Mock(isTerminal=Mock(return_value=True)), True),
        (Mock(isTerminal=Mock(side_effect=Py4JError("no such method before Java 22"))), True),
    ],
)
def test_under_spark_submit_the_jvm_knows_whether_there_is_a_terminal(monkeypatch, console, expected):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    spark = Mock()
    spark._jvm.java.lang.System.console.return_value = console
    assert on_terminal(spark) is expected


def test_a_terminal_of_our_own_needs_no_jvm(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Mock(isatty=Mock(return_value=True)))
    assert on_terminal(Mock(_jvm=None))


def counter_of(newest, error=None):
    """A counter whose status store has these ids as the newest, and then fails to describe a query.

    As Spark does in long sessions, it keeps so many queries that their number stays the same.
    """
    spark = Mock()
    store = spark._jsparkSession.sharedState.return_value.statusStore.return_value
    store.executionsCount.return_value = 1_000
    store.executionsList.return_value.head.return_value.executionId.side_effect = newest
    store.planGraph.side_effect = error
    store.planGraph.return_value.allNodes.return_value.size.return_value = 1
    node = store.planGraph.return_value.allNodes.return_value.apply.return_value
    node.name.return_value = "MapInArrow"
    node.metrics.return_value.size.return_value = 1
    node.metrics.return_value.apply.return_value.name.return_value = "number of output rows"
    store.executionMetrics.return_value.contains.return_value = True
    store.executionMetrics.return_value.apply.return_value = "1,234"
    return RowCounter(spark)


def test_before_the_query_begins_no_rows_are_done():
    assert counter_of([3, 3]).rows() == 0


def test_rows_of_a_query_are_seen_although_the_store_has_forgotten_as_many_as_were_added():
    assert counter_of([3, 4]).rows() == 1_234


@pytest.mark.parametrize("error", [Py4JError("the plan is not there yet"), ValueError("1,2,3 (min, med, max)")])
def test_a_counter_that_cannot_be_read_says_none_done(error):
    assert counter_of([3, 4], error).rows() == 0
    assert counter_of([Py4JError("forgotten meanwhile"), 4]).rows() == 0
