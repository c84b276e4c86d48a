"""bin/compatibility: tries every Spark with every Python, and writes docs/compatibility.md and .json."""

import argparse
import sys
from datetime import UTC, datetime

from tests.benchmarks.suite.environments import Unavailable
from tests.compatibility.environments import PYTHONS, SPARKS, environment
from tests.compatibility.page import read_json, render_json, render_page
from tests.compatibility.surroundings import surroundings
from tests.compatibility.trial import ROOT, Trial, try_spark

PAGE = ROOT / "docs" / "compatibility.md"
RECORD = PAGE.with_suffix(".json")
TEXT = ROOT / "tests" / "compatibility" / "page.md"


def main(argv: list[str] | None = None) -> int:
    """Try what was asked for; return 1 if anything is as it must not be."""
    parser = argparse.ArgumentParser(prog="bin/compatibility", description=__doc__)
    parser.add_argument("spark", nargs="*", metavar="VERSION", help=f"of {', '.join(SPARKS)} (default: all)")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="may be given again (default: all)")
    parser.add_argument("--keep", action="store_true", help="keep what docs/compatibility.json says of others")
    given = parser.parse_args(argv)
    unknown = [version for version in given.spark if version not in SPARKS]
    if unknown:
        parser.error(f"unknown version {unknown[0]!r}: choose of {', '.join(SPARKS)}")
    trials, absent = read_json(RECORD) if given.keep else ([], {})
    found = {(trial.spark, trial.python): trial for trial in trials}
    with surroundings() as shared:
        for spark in given.spark or SPARKS:
            for python in given.python or PYTHONS:
                key = f"{spark}/{python}"
                try:
                    interpreter = environment(spark, python)
                except Unavailable as error:
                    absent[key] = str(error)
                    print(f"Spark {spark}, Python {python}: not tried: {error}", flush=True)
                    continue
                absent.pop(key, None)
                trial = found[spark, python] = try_spark(spark, python, interpreter, shared)
                print(f"Spark {spark}, Python {python}: {'; '.join(trial.wrong) or 'as it should be'}", flush=True)
                write(list(found.values()), absent)  # after each: all of them take half an hour
    write(list(found.values()), absent)
    return 1 if any(trial.wrong for trial in found.values()) else 0


def write(trials: list[Trial], absent: dict[str, str]) -> None:
    """Write the page and the record."""
    today = datetime.now(UTC).date()
    RECORD.write_text(render_json(trials, absent, today), encoding="utf-8")
    PAGE.write_text(render_page(trials, absent, today, TEXT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
