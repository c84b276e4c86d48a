"""The files of a micro-batch: which are left, and what their counts must agree with."""

from dataclasses import replace

import pytest
from pyspark.errors import PySparkException
from pyspark.sql.types import StructType

from nlpbatch.errors import InternalError
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.inputs import Input

SOURCE = Input("/in", "csv", {}, StructType(), {}, is_file=False)
FILES = {"file:/in/a.csv": 10, "file:/in/b c.csv": 20}


@pytest.fixture
def files():
    return BatchFiles(None, SOURCE, FILES)


def unreadable(uri):
    return PySparkException(f"[FAILED_READ_FILE.NO_HINT] Encountered error while reading file {uri}. SQLSTATE: KD001")


def test_a_file_that_spark_names_is_set_aside_with_the_reason(files):
    assert files.sets_aside(unreadable("file:///in/b%20c.csv"))
    assert files.set_aside == {"file:/in/b c.csv": "it is damaged, or not of this format"}
    assert files.left == ["file:/in/a.csv"]
    assert files.size_bytes == 30


def test_a_file_that_is_named_again_is_an_error_rather_than_an_endless_loop(files):
    assert files.sets_aside(unreadable("file:///in/a.csv"))
    assert not files.sets_aside(unreadable("file:///in/a.csv"))


@pytest.mark.parametrize(
    "error", [unreadable("file:///elsewhere/x.csv"), PySparkException("Job aborted due to stage failure")]
)
def test_errors_about_no_file_of_the_micro_batch_set_nothing_aside(files, error):
    assert not files.sets_aside(error)
    assert files.set_aside == {}


def test_rows_are_compared_with_what_the_files_have(files):
    files.check(5, 5)
    with pytest.raises(InternalError, match=r"6 rows were read of files that have 5: .* start the job again"):
        files.check(6, 5)


def test_rows_are_not_compared_where_files_have_no_count_or_a_condition_selects(files):
    files.check(5, None)
    replaced = BatchFiles(None, replace(SOURCE, where="rand() < 0.5"), FILES)
    replaced.check(3, 5)


def test_files_without_a_count_of_their_own_are_not_counted(files):
    assert files.count() is None
