"""`nlpbatch plan`: the number of workers that a number of documents needs in a number of hours."""

import argparse
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Self

from nlpbatch.cli.json_output import print_json
from nlpbatch.errors import ConfigError

if TYPE_CHECKING:
    from nlpbatch.engine.operations import TextPerform

_HEADROOM: Final = 0.8
"""Part of a worker's time that is planned with; the rest is for interactive callers, deployments and busier hours."""
_KEPT_BUSY: Final = 2
"""Requests under way per worker that keep it busy: one at work, one that waits."""
_MEASURED_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of a job, and the workers for it.

    Args:
        characters: Code points in all.
        worker_hours: Hours of one worker, without headroom.
        workers: Worker processes, each with a core of its own.
        tasks: Spark tasks at a time that keep them busy.

    """

    characters: int
    worker_hours: float
    workers: int
    tasks: int

    @classmethod
    def of(cls, *, documents: int, mean_chars: float, hours: float, chars_per_s: float, in_flight: int) -> Self:
        """Return the plan.

        Args:
            documents: How many.
            mean_chars: Their code points, on the average.
            hours: Time for the job.
            chars_per_s: Code points that one worker analyses in a second.
            in_flight: Requests under way per task.

        Raises:
            ConfigError: A value that isn't positive.

        """
        given = {"documents": documents, "mean-chars": mean_chars, "hours": hours, "chars-per-s": chars_per_s}
        for name, value in given.items():
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"--{name} {value:g} can't be planned with: give a number over 0")
        try:
            characters = math.ceil(documents * mean_chars)
            worker_hours = characters / chars_per_s / 3600
            workers = max(1, math.ceil(worker_hours / (hours * _HEADROOM)))
        except (OverflowError, ZeroDivisionError) as error:
            shown = ", ".join(f"--{name} {value:g}" for name, value in given.items())
            raise ConfigError(f"{shown} need more workers than can be counted: check these numbers") from error
        return cls(characters, worker_hours, workers, math.ceil(workers * _KEPT_BUSY / in_flight))


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "plan",
        help="how many workers a job needs",
        description="Compute how many workers a job needs to end within some hours. The speed of a worker is measured "
        "on this machine for a few seconds, unless it is given.",
        epilog="workers = documents * mean-chars / chars-per-s / 3600 / (hours * 0.8)",
    )
    parser.add_argument("--documents", type=int, required=True, metavar="N", help="how many")
    parser.add_argument("--mean-chars", type=float, required=True, metavar="N", help="their length, on the average")
    parser.add_argument("--hours", type=float, required=True, metavar="H", help="time for the job")
    parser.add_argument(
        "--chars-per-s", type=float, metavar="N", help="characters that one worker analyses in a second"
    )
    parser.add_argument("--in-flight", type=int, default=4, metavar="N", help="the job's option (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    from nlpbatch.spark.service_call import check_in_flight  # noqa: PLC0415  (takes the Spark extra)

    fault = check_in_flight(arguments.in_flight)
    if fault:
        raise ConfigError(fault)
    given = {name: getattr(arguments, name) for name in ("documents", "mean_chars", "hours", "in_flight")}
    Plan.of(**given, chars_per_s=1.0)  # reports wrong arguments before the measurement
    measured = arguments.chars_per_s is None
    chars_per_s = measure_chars_per_s() if measured else arguments.chars_per_s
    plan = Plan.of(**given, chars_per_s=chars_per_s)
    if arguments.json:
        print_json(asdict(plan) | {"chars_per_s": chars_per_s, "measured": measured})
        return 0
    source = "measured on this machine with the demo's documents" if measured else "as given"
    print(
        f"{plan.characters:,} characters at {chars_per_s:,.0f} a second per worker ({source}):\n"
        f"  work     {plan.worker_hours:,.1f} hours of one worker\n"
        f"  workers  {plan.workers:,}, a core each, done within {arguments.hours:g} h with a fifth of it to spare\n"
        f"  tasks    {plan.tasks:,} of Spark at a time keep them busy, with --in-flight {arguments.in_flight}"
    )
    return 0


def measure_chars_per_s() -> float:
    """Return Kiwi's speed on one core here, in code points a second; takes some seconds.

    Raises:
        ConfigError: Kiwi isn't installed here.

    """
    try:
        from nlpbatch.engine.kiwi import KiwiEngine  # noqa: PLC0415  (takes the server extra)
    except ImportError as error:
        raise ConfigError(
            "the speed of a worker can't be measured where Kiwi isn't installed: give --chars-per-s, "
            "or run this on an analysis host"
        ) from error
    from nlpbatch.demo.source import DOCUMENTS  # noqa: PLC0415
    from nlpbatch.engine.operations import text_performer  # noqa: PLC0415
    from nlpbatch.engine.protocol import EngineSpec  # noqa: PLC0415
    from nlpbatch.wire.options import Options  # noqa: PLC0415

    print("measuring …", file=sys.stderr)
    lines = DOCUMENTS.read_text(encoding="utf-8").splitlines()
    texts = [str(json.loads(line)["text"]) for line in lines]
    perform = text_performer(KiwiEngine(EngineSpec("default")), Options())
    _pass(texts, perform)  # the first goes through code and tables that aren't in the caches yet
    started_s, done = time.perf_counter(), 0
    while time.perf_counter() - started_s < _MEASURED_S:
        done += _pass(texts, perform)
    return done / (time.perf_counter() - started_s)


def _pass(texts: list[str], perform: "TextPerform") -> int:
    for text in texts:
        perform(text)
    return sum(map(len, texts))
