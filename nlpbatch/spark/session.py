"""The session of a job that spark-submit has started."""

import os
import sys
from collections.abc import Mapping
from typing import Any, Final

from pyspark import SparkConf
from pyspark.sql import SparkSession

from nlpbatch.spark.older_spark import check_job_session

_HEARTBEAT: Final = "spark.executor.heartbeatInterval"
_LOUD: Final = (
    "org.apache.spark.sql.execution.streaming",
    "org.apache.spark.sql.execution.datasources.FileFormatWriter",
    # Damaged files are looked into on purpose; on a cluster, executors log what failed there.
    "org.apache.spark.executor.Executor",
    "org.apache.spark.scheduler.TaskSetManager",
    "org.apache.spark.util.Utils",
)


def session(name: str, *, hive: bool = False, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Return the session that spark-submit prepared, or a local one; it logs errors only.

    Args:
        name: Of the application.
        hive: Whether tables are Hive's.
        settings: Further ones of Spark.

    """
    if SparkConf().get("spark.master", "local[*]").startswith("local"):
        # PySpark would take the system's python3 for its workers, which has none of the driver's packages.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name).config("spark.ui.showConsoleProgress", "false")
    if not SparkConf().contains(_HEARTBEAT):
        # Executors report progress with their heartbeat; every 10 s is a jerky bar.
        builder = builder.config(_HEARTBEAT, "2s")
    for key, value in (settings or {}).items():
        builder = builder.config(key, value)
    spark = (builder.enableHiveSupport() if hive else builder).getOrCreate()
    check_job_session(spark)
    spark.sparkContext.setLogLevel("ERROR")
    _quiet(spark)
    return spark


def _quiet(spark: SparkSession) -> None:
    """Leave out Spark's stack traces of errors that the job reports in one line."""
    jvm: Any = spark.sparkContext._jvm  # noqa: SLF001
    for name in _LOUD:
        jvm.org.apache.logging.log4j.core.config.Configurator.setLevel(name, jvm.org.apache.logging.log4j.Level.OFF)
