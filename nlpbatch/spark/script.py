"""What every script for spark-submit does around its work: arguments, session, errors and exit code."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.program import Interrupted, report_interrupt, run_program
from nlpbatch.spark.failure import failure
from nlpbatch.spark.jvm_locale import check_arguments
from nlpbatch.spark.session import session


def run_script(name: str, work: Callable[[], int]) -> int:
    """Return the exit code of a script's work; see `nlpbatch.program`.

    Args:
        name: Of the script, which begins each line.
        work: Does it; returns an exit code.

    """

    def checked() -> int:
        check_arguments()
        return work()

    return run_program(name, lambda: translated(checked), failed="failed: ")


def translated(work: Callable[[], int]) -> int:
    """Return what some work returns, or raise what it raises, Spark's errors as those of this product."""
    try:
        return work()
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise failure(error) from error


@contextmanager
def running_session(
    script: str, *, hive: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[SparkSession]:
    """Give the session of a script for the time of the context; see `nlpbatch.spark.session.session`."""
    spark = session(f"nlpbatch {script}", hive=hive, settings=settings)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # Write at once: spark-submit forwards a script's output through the JVM, which ends a moment later.
        # PySpark's own handler asks the JVM to cancel its jobs first, and fails.
        report_interrupt(script)
        _say_nothing_more()
        raise Interrupted

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield spark
    finally:
        signal.signal(signal.SIGINT, before)
        with suppress(Py4JError, PySparkException, OSError):  # the JVM may be gone
            spark.stop()


def _say_nothing_more() -> None:
    """Drop what is written while a script ends: a JVM that goes first leaves stack traces of PySpark's threads."""
    logging.disable()  # py4j logs the call that is interrupted
    sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  (until the process ends)
