"""How fast a job is whose rows go to a table, against files of Parquet: python -m tests.benchmarks.table_sink [ROWS].

Runs in the environment of tests/tables, where there are Delta and Iceberg, over the reviews that tests have. Every text
is analysed in every turn: the API keeps no answers. Turns go round in one session, each after one of few rows. The rows
of each are counted, and their tokens. `by Spark` is with Spark's own writer; the others add the files of the tasks.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.suite.environments import provide
from tests.tables import environment

ROWS = 20_000
_FEW = 500
TURNS = ("parquet", "iceberg", "delta", "iceberg by Spark", "delta by Spark")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    if not environment.is_this():
        python = provide(environment.NEEDS, beside=True)
        sys.exit(subprocess.run([str(python), "-m", "tests.benchmarks.table_sink", str(rows)], check=False).returncode)
    from nlpbatch.cli.stack import Stack, StackOptions  # noqa: PLC0415  (in the environment)
    from tests.fakes.no_cache import NO_CACHE  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="table-sink-"))
    try:
        spark = _session(folder)
        with Stack(StackOptions(workers=2, server_config=NO_CACHE)) as stack:
            seconds: dict[str, float] = {}
            for turn in TURNS:
                _turn(spark, stack, folder, turn, _FEW)
                seconds[turn] = _turn(spark, stack, folder, turn, rows)
                ratio = seconds["parquet"] / seconds[turn]
                print(
                    f"{turn:<18} {seconds[turn]:6.2f} s  {rows / seconds[turn]:7,.0f} rows/s  {ratio:.3f}", flush=True
                )
        spark.stop()
    finally:
        shutil.rmtree(folder)


def _session(folder):
    from pyspark.sql import SparkSession  # noqa: PLC0415

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.ui.showConsoleProgress", "false")
    for name, value in environment.settings(folder).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _turn(spark, stack, folder, turn, rows) -> float:
    """Return the seconds of one job, whose rows and tokens are in its sink."""
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415
    from pyspark.sql import functions as sf  # noqa: PLC0415

    from nlpbatch.spark.job import run  # noqa: PLC0415
    from nlpbatch.spark.options import JobOptions  # noqa: PLC0415
    from nlpbatch.spark.tables.sink import TableSink  # noqa: PLC0415
    from tests.conftest import NSMC_20K  # noqa: PLC0415

    key = f"{turn.replace(' ', '_')}_{rows}"
    source = folder / f"{key}.parquet"
    given = pq.read_table(NSMC_20K).slice(0, rows)
    # Texts of its own, or the proxy would give the answers that it has.
    texts = pc.binary_join_element_wise(given["review"], str(TURNS.index(turn) + rows), " ")
    pq.write_table(given.set_column(given.schema.names.index("review"), "review", texts), source)
    output, kind = folder / "out" / key, turn.partition(" ")[0]
    table = {"iceberg": f"{environment.ICEBERG}.db.{key}", "delta": f"delta.`{folder}/delta/{key}`"}.get(kind)
    options = JobOptions(
        *(str(source), ("review",), str(output), stack.service, stack.api_key),
        output_table=table,
        table_format=None if table is None else kind,
    )
    direct = TableSink.direct
    if turn.endswith("by Spark"):
        TableSink.direct = lambda *_: None
    try:
        began_s = time.perf_counter()
        report = run(spark, options)
        seconds = time.perf_counter() - began_s
    finally:
        TableSink.direct = direct
    found = spark.read.parquet(str(output)) if table is None else spark.table(table)
    count, tokens = found.agg(sf.count("*"), sf.sum(sf.size("tokens"))).collect()[0]
    assert (count, report.rows, report.dead, tokens) == (rows, rows, 0, report.tokens), (turn, count, tokens, report)
    assert report.client["replayed"] == 0
    return seconds


if __name__ == "__main__":
    main()
