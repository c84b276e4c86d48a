"""Shows how far a running job is: a bar in a terminal, lines in a log, and any other receiver."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TextIO

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

_BAR_PERIOD_S: Final = 0.5
_LINE_PERIOD_S: Final = 10.0
_SHOWN_SHARE: Final = 0.005
_NEXT_UNIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, at one moment.

    Args:
        rows: Rows answered since this start.
        rows_total: Rows that this start has to do, as far as can be known or guessed; None if it can't.
        done_bytes: Bytes of the input files that are done.
        total_bytes: Bytes of all input files that this start has to do.
        seconds: Since the start.
        throttled: Share of the requests' time spent waiting because the service asked for it, 0 to 1.
        exact: Whether `rows_total` is counted rather than guessed.

    """

    rows: int
    rows_total: int | None
    done_bytes: int
    total_bytes: int
    seconds: float
    throttled: float = 0.0
    exact: bool = True

    @property
    def share(self) -> float:
        """Return what is done of all, 0 to 1."""
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 1.0

    @property
    def rows_per_s(self) -> float:
        """Return the rate since the start."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Return the seconds that are left at this rate; None if that can't be known yet."""
        if not 0 < self.share < 1:
            return None
        return self.seconds * (1 - self.share) / self.share


Show = Callable[[Progress], None]


class RowCounter:
    """Reads from Spark's own SQL metrics how many rows mapInArrow has answered; executors send them by heartbeat."""

    def __init__(self, spark: SparkSession) -> None:
        # The status store behind Spark's SQL page; it has no Python face.
        self._store: Any = spark._jsparkSession.sharedState().statusStore()  # noqa: SLF001
        try:
            self._before = self._newest()
        except Py4JError:
            self._before = sys.maxsize

    def rows(self) -> int:
        """Return the rows answered by the newest query that began after this counter was made."""
        try:
            newest = self._newest()
            return self._rows(newest) if newest > self._before else 0
        except (Py4JError, ValueError):
            return 0  # the plan isn't published yet, or was forgotten: progress must not fail a run

    def _newest(self) -> int:
        """Return the id of the newest query; -1 if there is none. Spark forgets old ones, so their number is no id."""
        count = self._store.executionsCount()
        return int(self._store.executionsList(count - 1, 1).head().executionId()) if count else -1

    def _rows(self, execution: int) -> int:
        nodes = self._store.planGraph(execution).allNodes()
        values = self._store.executionMetrics(execution)
        found = (nodes.apply(position) for position in range(nodes.size()))
        # With several text columns there is a node for each; a row is done when the last of them is.
        rows = [_value(values, node.metrics()) for node in found if node.name().startswith("MapInArrow")]
        return min(rows, default=0)


def _value(values: Any, metrics: Any) -> int:
    for metric in (metrics.apply(position) for position in range(metrics.size())):
        if metric.name() == "number of output rows" and values.contains(metric.accumulatorId()):
            return int(values.apply(metric.accumulatorId()).replace(",", ""))
    return 0


def on_terminal(spark: SparkSession) -> bool:
    """Return whether the output is a terminal. Under spark-submit it is a pipe to the JVM, which knows."""
    if sys.stderr.isatty():
        return True
    console: Any = spark._jvm.java.lang.System.console()  # type: ignore[union-attr]  # noqa: SLF001
    try:
        return console is not None and bool(console.isTerminal())
    except Py4JError:
        return True  # before Java 22 there is a console only where there is a terminal


@contextmanager
def watching(
    look: Callable[[], Progress],
    *,
    terminal: bool = False,
    out: TextIO | None = None,
    others: Sequence[Show] = (),
) -> Iterator[None]:
    """Show progress while the block runs. An error while showing it is ignored, such as that of a closed log.

    Args:
        look: Returns how far it is.
        terminal: Whether to show a bar, instead of a line every 10 s.
        out: Where to; stderr if None.
        others: Further receivers, called every 10 s and at the end.

    """
    out = out or sys.stderr
    stop = threading.Event()
    bar = _bar(out) if terminal else None
    period_s = _LINE_PERIOD_S if bar is None else _BAR_PERIOD_S
    periods_per_line = max(1, round(_LINE_PERIOD_S / period_s))
    with bar or _lines(out) as show:

        def report(progress: Progress, audience: Sequence[Show]) -> None:
            for one in audience:
                with suppress(Exception):  # a broken pipe, a closed file, a gateway that is away
                    one(progress)

        def watch() -> None:
            periods = 0
            while not stop.wait(period_s):
                periods += 1
                report(look(), (show, *others) if periods % periods_per_line == 0 else (show,))

        thread = threading.Thread(target=watch, name="progress", daemon=True)
        thread.start()
        try:
            yield
            report(look(), (show,))
        finally:
            stop.set()
            thread.join()
            report(look(), others)


@contextmanager
def _lines(out: TextIO) -> Iterator[Show]:
    def show(progress: Progress) -> None:
        print(progress_line(progress), file=out, flush=True)

    yield show


def progress_line(progress: Progress) -> str:
    """Return one line for a log."""
    left = progress.left_s
    parts = [
        f"{rows_text(progress)} rows",
        f"{bytes_text(progress.done_bytes)} of {bytes_text(progress.total_bytes)} ({progress.share:.0%})",
        f"{progress.rows_per_s:,.0f} rows/s",
        *([f"throttled {progress.throttled:.0%}"] if progress.throttled >= _SHOWN_SHARE else []),
        *([] if left is None else [f"about {timedelta(seconds=round(left))} left"]),
    ]
    return f"analyze: {', '.join(parts)}"


def rows_text(progress: Progress) -> str:
    """Return the rows done, and of how many if that is known."""
    if progress.rows_total is None:
        return f"{progress.rows:,}"
    return f"{progress.rows:,} of {'' if progress.exact else 'about '}{progress.rows_total:,}"


def bytes_text(size_bytes: float) -> str:
    """Return a size for a person, in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < _NEXT_UNIT:
            return f"{size_bytes:,.0f} {unit}" if unit == "B" else f"{size_bytes:,.1f} {unit}"
        size_bytes /= _NEXT_UNIT
    return f"{size_bytes:,.1f} TB"


def _bar(out: TextIO) -> AbstractContextManager[Show] | None:
    """Return a bar; None without rich."""
    try:
        from rich import progress as parts  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415  (a driver on a cluster node may not have it)
    except ImportError:
        return None

    @contextmanager
    def bar() -> Iterator[Show]:
        columns = (
            parts.TextColumn("analyze"),
            parts.BarColumn(),
            parts.TaskProgressColumn(),
            parts.TextColumn("{task.fields[rows]} rows, {task.fields[rate]} rows/s{task.fields[throttled]}"),
            parts.TimeRemainingColumn(),
        )
        with parts.Progress(*columns, console=Console(file=out, force_terminal=True)) as shown:
            task = shown.add_task("analyze", total=1.0, rows="…", rate="…", throttled="")

            def show(progress: Progress) -> None:
                throttled = f", throttled {progress.throttled:.0%}" if progress.throttled >= _SHOWN_SHARE else ""
                shown.update(
                    task,
                    completed=progress.share,
                    rows=rows_text(progress),
                    rate=f"{progress.rows_per_s:,.0f}",
                    throttled=throttled,
                )

            yield show

    return bar()
