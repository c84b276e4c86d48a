"""The error of a job is the one that its tasks failed with, without values of rows."""

from pyspark.errors import AnalysisException

from nlpbatch.errors import InternalError, PatienceExhausted
from nlpbatch.spark.failure import failure


def test_an_error_from_an_executor_is_the_outermost_of_those_in_its_traceback():
    traceback = (
        "Traceback (most recent call last):\n"
        "nlpbatch.errors.ServiceUnreachable: no answer from http://proxy (Connection refused)\n\n"
        "The above exception was the direct cause of the following exception:\n"
        "nlpbatch.errors.PatienceExhausted: gave up on http://proxy: check that it runs\n"
        "\tat org.apache.spark.Executor"
    )
    error = failure(AnalysisException(traceback))
    assert type(error) is PatienceExhausted
    assert error.message == "gave up on http://proxy: check that it runs"


def test_an_error_of_a_class_that_this_driver_does_not_know_keeps_its_message():
    error = failure(AnalysisException("nlpbatch.errors.FromTheFuture: it went wrong"))
    assert type(error) is InternalError
    assert error.message == "it went wrong"
