"""Shows the progress of a call of many texts on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

_LINE_PERIOD_S: Final = 5.0

Advance = Callable[[int], None]
"""Reports that that many more documents are done."""


@contextmanager
def progress_of(label: str, total: int | None, *, shown: bool) -> Iterator[Advance]:
    """Show documents done and their rate while the block runs, and the share of `total` if it is known.

    A bar with rich; a line every 5 s without it, or where stderr is no terminal. A failure to write is ignored.
    """
    if not shown:
        yield lambda _: None
        return
    with (_bar(label, total) if sys.stderr.isatty() else None) or _lines(label, total) as show:

        def advance(count: int) -> None:
            with suppress(OSError, ValueError):  # a closed stderr
                show(count)

        yield advance


@contextmanager
def _lines(label: str, total: int | None) -> Iterator[Advance]:
    began_s = shown_s = time.monotonic()
    done = 0
    out = sys.stderr

    def write() -> None:
        rate = done / max(time.monotonic() - began_s, 1e-9)
        of_all = "" if total is None else f" of {total:,} ({done / max(total, 1):.0%})"
        print(f"{label}: {done:,}{of_all} documents, {rate:,.0f} documents/s", file=out, flush=True)

    def advance(count: int) -> None:
        nonlocal done, shown_s
        done += count
        if time.monotonic() - shown_s >= _LINE_PERIOD_S:
            shown_s = time.monotonic()
            write()

    try:
        yield advance
    finally:
        with suppress(OSError, ValueError):
            write()


def _bar(label: str, total: int | None) -> AbstractContextManager[Advance] | None:
    """Return a bar; None without rich."""
    try:
        from rich import progress as parts  # noqa: PLC0415  (executors and small services don't have it)
        from rich.console import Console  # noqa: PLC0415
    except ImportError:
        return None

    @contextmanager
    def bar() -> Iterator[Advance]:
        columns = [parts.TextColumn(label), parts.BarColumn()]
        columns += [parts.TaskProgressColumn(), parts.TimeRemainingColumn()] if total is not None else []
        columns += [parts.TextColumn("{task.completed:,.0f} documents, {task.fields[rate]} documents/s")]
        with parts.Progress(*columns, console=Console(stderr=True)) as shown:
            task = shown.add_task(label, total=total, rate="…")

            def advance(count: int) -> None:
                shown.advance(task, count)
                elapsed_s = shown.tasks[0].elapsed or 0.0
                if elapsed_s:
                    shown.update(task, rate=f"{shown.tasks[0].completed / elapsed_s:,.0f}")

            yield advance

    return bar()
