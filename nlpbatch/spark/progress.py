"""How far a running job is: rows answered of rows to do, as a bar in a terminal and as plain lines in a log."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final, TextIO

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

_BAR_PERIOD_S: Final = 0.5
_LINE_PERIOD_S: Final = 10.0

Show = Callable[[int, int, float], None]
"""Called with rows done, rows in all, seconds since the start."""


class RowCounter:
    """Reads from Spark's own SQL metrics how many rows mapInArrow has answered; executors send them by heartbeat."""

    def __init__(self, spark: SparkSession) -> None:
        # The status store behind Spark's SQL page; it has no Python face.
        self._store: Any = spark._jsparkSession.sharedState().statusStore()  # noqa: SLF001
        self._before = self._store.executionsCount()

    def rows(self) -> int:
        """Return the rows answered by the newest query that began after this counter was made."""
        try:
            if self._store.executionsCount() <= self._before:
                return 0
            return self._rows(self._store.executionsList().last().executionId())
        except (Py4JError, ValueError):
            return 0  # the plan isn't published yet, or an evicted query: progress is never worth a failure

    def _rows(self, execution: int) -> int:
        nodes = self._store.planGraph(execution).allNodes()
        values = self._store.executionMetrics(execution)
        for node in (nodes.apply(position) for position in range(nodes.size())):
            if node.name().startswith("MapInArrow"):
                return _value(values, node.metrics())
        return 0


def _value(values: Any, metrics: Any) -> int:
    for metric in (metrics.apply(position) for position in range(metrics.size())):
        if metric.name() == "number of output rows" and values.contains(metric.accumulatorId()):
            return int(values.apply(metric.accumulatorId()).replace(",", ""))
    return 0


def on_terminal(spark: SparkSession) -> bool:
    """Return whether somebody watches: under spark-submit our output goes through a pipe to the JVM, which knows."""
    if sys.stderr.isatty():
        return True
    console: Any = spark._jvm.java.lang.System.console()  # type: ignore[union-attr]  # noqa: SLF001
    try:
        return console is not None and bool(console.isTerminal())
    except Py4JError:
        return True  # before Java 22 there is a console only where there is a terminal


@contextmanager
def watching(
    counter: Callable[[], int], total: int, *, terminal: bool = False, out: TextIO | None = None
) -> Iterator[None]:
    """Show progress while the block runs. Progress is never worth a failure: a log that has gone away is ignored.

    Args:
        counter: Returns rows done.
        total: Rows to do.
        terminal: Whether to show a bar, instead of a line every 10 s.
        out: Where to; stderr if None.

    """
    out = out or sys.stderr
    stop = threading.Event()
    bar = _bar(total, out) if terminal else None
    period_s = _LINE_PERIOD_S if bar is None else _BAR_PERIOD_S
    with bar or _lines(out) as show:
        started_s = time.monotonic()

        def report(done: int) -> None:
            with suppress(OSError, ValueError):  # a broken pipe, a closed file
                show(done, total, time.monotonic() - started_s)

        def watch() -> None:
            while not stop.wait(period_s):
                report(counter())

        thread = threading.Thread(target=watch, name="progress", daemon=True)
        thread.start()
        try:
            yield
            report(total)
        finally:
            stop.set()
            thread.join()


@contextmanager
def _lines(out: TextIO) -> Iterator[Show]:
    def show(done: int, total: int, elapsed_s: float) -> None:
        print(progress_line(done, total, elapsed_s), file=out, flush=True)

    yield show


def progress_line(done: int, total: int, elapsed_s: float) -> str:
    """Return one line for a log."""
    share = done / total if total else 1.0
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    left = f", about {(total - done) / rate:,.0f} s left" if rate > 0 and done < total else ""
    return f"analyze: {done:,} of {total:,} rows ({share:.0%}), {rate:,.0f} rows/s{left}"


def _bar(total: int, out: TextIO) -> AbstractContextManager[Show] | None:
    """Return a bar; None without rich."""
    try:
        from rich.console import Console  # noqa: PLC0415  (a driver on a cluster node may not have it)
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    except ImportError:
        return None

    @contextmanager
    def bar() -> Iterator[Show]:
        columns = (
            TextColumn("analyze"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} rows/s"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(file=out, force_terminal=True)) as progress:
            task = progress.add_task("analyze", total=total, rate="…")

            def show(done: int, total: int, elapsed_s: float) -> None:
                rate = f"{done / elapsed_s:,.0f}" if elapsed_s > 0 else "…"
                progress.update(task, completed=done, total=total, rate=rate)

            yield show

    return bar()
