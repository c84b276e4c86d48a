"""spark-submit jobs/replay.py --output OUT --service URL: send the dead letters again, and merge the answers."""

import argparse
import os
import sys

from nlpbatch.errors import ConfigError
from nlpbatch.spark.replay import ReplayOptions, replay
from nlpbatch.spark.script import run_script, running_session


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog="replay.py",
        description="Send the dead letters of an output of analyze.py again, and merge the answers into the output.",
        epilog="The API key is read from NLPBATCH_API_KEY.",
    )
    found.add_argument("--output", metavar="DIR", required=True, help="output of analyze.py")
    found.add_argument("--service", metavar="URL,…", help="address of the proxy, or several; else NLPBATCH_SERVICE")
    found.add_argument(
        "--accept-new-version",
        action="store_true",
        help="take the analyzer as it is now, such as with a new dictionary: the output then has rows of two versions",
    )
    return found


def parse(argv: list[str] | None = None) -> ReplayOptions:
    """Return the options of the command line; exits with 2 on wrong usage.

    Raises:
        ConfigError: One is missing.

    """
    given = vars(parser().parse_args(argv))
    given["service"] = given["service"] or os.environ.get("NLPBATCH_SERVICE")
    if not given["service"]:
        raise ConfigError("service is missing: give --service, or set NLPBATCH_SERVICE")
    return ReplayOptions(**given, api_key=os.environ.get("NLPBATCH_API_KEY") or None)


def main() -> int:
    """Run the replay; return 0 when no dead letter is left, 3 when some are, 1 when it failed, 2 for wrong options."""
    return run_script("replay", _run)


def _run() -> int:
    options = parse()
    with running_session("replay") as spark:
        done = replay(spark, options)
    left = done.sent - done.recovered
    print(
        f"replay: {done.sent:,} sent, {done.recovered:,} recovered, {left:,} left\n{done.report.to_text()}",
        file=sys.stderr,
    )
    return 3 if left else 0


if __name__ == "__main__":
    sys.exit(main())
