"""What is done for Spark 3.5, and which sessions are refused."""

from types import SimpleNamespace

import pytest
from pyspark.errors import PySparkAttributeError

from nlpbatch.errors import ConfigError
from nlpbatch.spark.older_spark import batch_limit, check_job_session, check_version, write_as_newer

REBASE = "spark.sql.parquet.datetimeRebaseModeInWrite"
INT96 = "spark.sql.parquet.int96RebaseModeInWrite"


class Conf(dict):
    set = dict.__setitem__


class ConnectSession:
    version = "4.1.4"

    @property
    def sparkContext(self):  # noqa: N802  (PySpark's name)
        raise PySparkAttributeError("only in classic Spark")


def session(version, **conf):
    return SimpleNamespace(version=version, sparkContext=None, conf=Conf(conf))


@pytest.mark.parametrize(
    ("version", "sizes", "limit"),
    [
        ("4.0.0", [10, 10], {"maxBytesPerTrigger": "25"}),
        ("3.5.7", [10, 10, 10, 10], {"maxFilesPerTrigger": "2"}),
        ("3.5.7", [1_000, 1_000], {"maxFilesPerTrigger": "1"}),
        ("3.5.7", [0, 0], {"maxFilesPerTrigger": "50"}),
        ("3.5.7", [], {"maxFilesPerTrigger": "1"}),
    ],
)
def test_micro_batches_are_cut_by_bytes_where_spark_can_and_by_files_elsewhere(version, sizes, limit):
    assert batch_limit(session(version), 25, sizes) == limit


def test_a_spark_that_is_too_old_is_refused_with_both_versions():
    with pytest.raises(ConfigError, match=r"^needs Spark 3\.5 or newer, this is 3\.4\.4: "):
        check_version(session("3.4.4"))
    check_version(session("3.5.7"))
    check_version(session("4.0.0.dev1"))


def test_jobs_refuse_a_session_of_connect_with_the_remedy():
    with pytest.raises(ConfigError, match=r"^jobs need classic Spark, .* Spark Connect, .* spark-submit --master"):
        check_job_session(ConnectSession())
    check_job_session(session("3.5.7"))


def test_spark_3_5_writes_old_dates_as_newer_ones_do_unless_it_is_told_otherwise():
    older = session("3.5.7", **{REBASE: "EXCEPTION", INT96: "LEGACY"})
    write_as_newer(older)
    assert older.conf == {REBASE: "CORRECTED", INT96: "LEGACY"}
    newer = session("4.0.0", **{REBASE: "EXCEPTION", INT96: "EXCEPTION"})
    write_as_newer(newer)
    assert newer.conf[REBASE] == "EXCEPTION"
