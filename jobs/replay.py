"""spark-submit jobs/replay.py --output OUT --service URL: send the dead letters again, and merge the answers."""

import argparse
import os
import sys
from pathlib import Path

from nlpbatch.alerts.after import Ending, with_alert
from nlpbatch.alerts.alert import Alert
from nlpbatch.errors import ConfigError
from nlpbatch.program import LOOK
from nlpbatch.recipe.alert_settings import alerts_of, read_alerts
from nlpbatch.spark.job_alert import replay_alert
from nlpbatch.spark.replay import Replayed, ReplayOptions, replay
from nlpbatch.spark.script import run_script, running_session, translated


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
    found.add_argument(
        "--alerts",
        type=Path,
        metavar="FILE",
        help="tell those whom [alerts] of this TOML file names, such as that of analyze.py --config",
    )
    return found


def parse(argv: list[str] | None = None) -> tuple[ReplayOptions, Path | None]:
    """Return the options of the command line, and the file of --alerts; exits with 2 on wrong usage.

    Raises:
        ConfigError: One is missing.

    """
    given = vars(parser().parse_args(argv))
    file = given.pop("alerts")
    given["service"] = given["service"] or os.environ.get("NLPBATCH_SERVICE")
    if not given["service"]:
        raise ConfigError("service is missing: give --service, or set NLPBATCH_SERVICE")
    return ReplayOptions(**given, api_key=os.environ.get("NLPBATCH_API_KEY") or None), file


def main() -> int:
    """Run the replay; return 0 when no dead letter is left, 3 when some are, 1 when it failed, 2 for wrong options."""
    return run_script("replay", _run)


def _run() -> int:
    options, file = parse()
    settings = None if file is None else read_alerts(file, options.output)
    if file is not None and settings is None:
        raise ConfigError(f"--alerts {file}: it has no [alerts]: add it, or leave the file out")
    alerts = alerts_of(settings, os.environ)
    done: list[Replayed] = []

    def alert(ending: Ending) -> Alert:
        return replay_alert(ending, options.output, done[0] if done else None, alerts)

    return with_alert(lambda: translated(lambda: _replay(options, done)), alerts, alert, _say)


def _replay(options: ReplayOptions, done: list[Replayed]) -> int:
    """Run the replay; add what it did to `done`."""
    with running_session("replay") as spark:
        found = replay(spark, options)
    done.append(found)
    _say(f"{found.sent:,} sent, {found.recovered:,} recovered, {found.left:,} left\n{found.report.to_text()}")
    return LOOK if found.left else 0


def _say(line: str) -> None:
    print(f"replay: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
