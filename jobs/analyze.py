"""spark-submit jobs/analyze.py --input IN --text COLUMN --output OUT --service URL: tokens for a column of Parquet."""

import argparse
import os
import sys
from pathlib import Path

from pyspark import SparkConf
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError, NlpbatchError
from nlpbatch.spark.job import run
from nlpbatch.spark.options import JobOptions
from nlpbatch.wire.fields import TOKEN_FIELDS

_HEARTBEAT = "spark.executor.heartbeatInterval"


def parse(argv: list[str] | None = None) -> JobOptions:
    """Return the options of the command line and of --config; exits with 2 on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="analyze.py",
        description="Add the tokens of a text column to a Parquet data set.",
        epilog=f"Token fields: {', '.join(TOKEN_FIELDS)}. The API key is read from NLPBATCH_API_KEY, or from --config: "
        "Spark shows the arguments of a job in its UI and keeps them in its event log.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with any of these options; - becomes _")
    parser.add_argument("--input", help="Parquet file or directory to read")
    parser.add_argument("--text", metavar="COLUMN", help="string column to analyse")
    parser.add_argument("--output", help="directory to write")
    parser.add_argument("--service", metavar="URL", help="address of the proxy")
    parser.add_argument("--analyzer", metavar="NAME", help="analyzer to use (default: default)")
    parser.add_argument("--fields", metavar="A,B,…", help="token fields to return (default: form,tag,start,end)")
    parser.add_argument("--tags", metavar="A,B,…", help="return tokens of these tags only, such as NNG,NNP")
    parser.add_argument("--top-n", type=int, metavar="N", help="return so many candidates instead of tokens")
    parser.add_argument("--sentences", action="store_true", default=None, help="return where the sentences are, too")
    parser.add_argument("--overwrite", action="store_true", default=None, help="replace an existing output")
    parser.add_argument("--request-bytes", type=int, metavar="N", help="text per request (default: 65536)")
    parser.add_argument("--in-flight", type=int, metavar="N", help="requests under way per task (default: 4)")
    parser.add_argument("--patience-s", type=float, metavar="S", help="keep retrying for so long (default: 300)")
    given = vars(parser.parse_args(argv))
    file = given.pop("config")
    given["service"] = given["service"] or os.environ.get("NLPBATCH_SERVICE")
    given["api_key"] = os.environ.get("NLPBATCH_API_KEY") or None
    return JobOptions.merge(file, given)


def session() -> SparkSession:
    """Return the session that spark-submit prepared, or a local one."""
    if SparkConf().get("spark.master", "local[*]").startswith("local"):
        # PySpark would take the system's python3 for its workers, which has none of the driver's packages.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("nlpbatch analyze").config("spark.ui.showConsoleProgress", "false")
    if not SparkConf().contains(_HEARTBEAT):
        # Executors report progress with their heartbeat; every 10 s is a jerky bar.
        builder = builder.config(_HEARTBEAT, "2s")
    return builder.getOrCreate()


def main() -> int:
    """Run the job; return 0 when done, 1 when it failed, 2 for wrong options."""
    try:
        options = parse()
        spark = session()
        spark.sparkContext.setLogLevel("ERROR")
        try:
            report = run(spark, options)
        finally:
            spark.stop()
    except ConfigError as error:
        print(f"analyze: {error.message}", file=sys.stderr)
        return 2
    except NlpbatchError as error:
        print(f"analyze: failed: {error.code}: {error.message}", file=sys.stderr)
        return 1
    print(f"analyze: done\n{report.to_text()}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
