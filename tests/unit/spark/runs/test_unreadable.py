import pytest
from pyspark.errors import PySparkException

from nlpbatch.spark.runs.unreadable import unreadable_file

SAID = (
    "Job aborted: [{condition}] Encountered error while reading file file:///in/a%20b.parquet. {rest} SQLSTATE: KD001"
)


def error(condition="FAILED_READ_FILE.NO_HINT", rest=""):
    return PySparkException(SAID.format(condition=condition, rest=rest))


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("FAILED_READ_FILE.NO_HINT", "it is damaged, or not of this format"),
        ("FAILED_READ_FILE.FILE_NOT_EXIST", "it is gone"),
        (
            "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH",
            "a column has another type than in the other files",
        ),
    ],
)
def test_the_file_and_the_reason_are_found_in_what_spark_says(condition, reason):
    assert unreadable_file(error(condition)) == ("file:/in/a b.parquet", reason)


@pytest.mark.parametrize("name", ["BlockMissingException", "java.net.ConnectException", "Filesystem closed"])
def test_faults_of_the_storage_are_not_blamed_on_files(name):
    assert unreadable_file(error(rest=f"Caused by: {name}: …")) is None


def test_a_codec_that_spark_lacks_is_no_damage():
    cause = "Caused by: BadConfigurationException: Class org.apache.hadoop.io.compress.BrotliCodec was not found"
    assert unreadable_file(error(rest=cause)) == (
        "file:/in/a b.parquet",
        "it is compressed with brotli, for which Spark has no codec here: write it with zstd or snappy",
    )


def test_a_file_that_is_gone_before_it_is_listed_is_named_as_it_is():
    said = "[PATH_NOT_FOUND] Path does not exist: file:/in/a b%41.parquet. SQLSTATE: 42K03"
    assert unreadable_file(PySparkException(said)) == ("file:/in/a b%41.parquet", "it is gone")


def test_other_errors_are_about_no_file():
    assert unreadable_file(PySparkException("Job aborted due to stage failure")) is None
