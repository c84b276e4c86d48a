"""Which Sparks there are: what Spark 3.5 does otherwise than 4.0 and newer, and what Spark Connect can't do.

docs/compatibility.md has what was tried.
"""

from collections.abc import Collection
from typing import Any, Final

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError

OLDEST: Final = (3, 5)
_REBASE: Final = ("spark.sql.parquet.datetimeRebaseModeInWrite", "spark.sql.parquet.int96RebaseModeInWrite")
_REFUSING, _CORRECTED = "EXCEPTION", "CORRECTED"


def version_of(spark: SparkSession) -> tuple[int, int]:
    """Return the major and the minor version of the Spark behind a session."""
    major, minor = str(spark.version).split(".")[:2]
    return int(major), int(minor)


def check_version(spark: SparkSession) -> None:
    """Refuse a Spark that is too old.

    Raises:
        ConfigError: It is.

    """
    if version_of(spark) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ConfigError(f"needs Spark {oldest} or newer, this is {spark.version}: use a newer one, or the client")


def check_job_session(spark: SparkSession) -> None:
    """Refuse a session that can't run jobs.

    Raises:
        ConfigError: It is one of Spark Connect, or of a Spark that is too old.

    """
    try:
        spark.sparkContext  # noqa: B018  (only classic Spark has one)
    except (PySparkException, AttributeError) as error:
        raise ConfigError(
            "jobs need classic Spark, and this session is one of Spark Connect, which can't watch tasks or move "
            "files: run them with spark-submit --master, or use nlpbatch.spark.analyze on a DataFrame"
        ) from error
    check_version(spark)


def write_as_newer(session: SparkSession) -> None:
    """Let a session write dates and timestamps of before 1900 as they are, as Spark 4.0 and newer do by themselves.

    Spark 3.5 refuses them, unless it is told for which readers they are meant.
    """
    if version_of(session) < (4, 0):
        for name in _REBASE:
            if session.conf.get(name) == _REFUSING:
                session.conf.set(name, _CORRECTED)


def batch_limit(spark: SparkSession, batch_bytes: int, sizes: Collection[int]) -> dict[str, Any]:
    """Return the option of Spark's file source that cuts files into micro-batches of so many bytes.

    Spark 3.5 can only count files: there, micro-batches have so many bytes on average.

    Args:
        spark: The session.
        batch_bytes: Bytes of a micro-batch.
        sizes: Bytes of each file.

    """
    if version_of(spark) >= (4, 0):
        return {"maxBytesPerTrigger": str(batch_bytes)}
    return {"maxFilesPerTrigger": str(max(1, batch_bytes * len(sizes) // max(1, sum(sizes))))}
