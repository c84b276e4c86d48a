import pytest

from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.errors import TooManyErrors
from nlpbatch.spark.runs.error_limit import MIN_ROWS, ErrorLimit, too_many_errors
from nlpbatch.spark.task_totals import TaskTotals
from tests.fakes.accumulators import AccumulatorContext


@pytest.mark.parametrize(
    ("dead", "rows", "most", "said"),
    [
        (MIN_ROWS, MIN_ROWS, None, None),
        (MIN_ROWS - 1, MIN_ROWS - 1, 0.0, None),
        (10, MIN_ROWS, 0.01, None),
        (11, MIN_ROWS, 0.01, "11 of 1,000 rows failed (1.1%), allowed are 1.0%"),
        (1, MIN_ROWS, 0.0, "1 of 1,000 rows failed (0.1%), allowed are 0.0%"),
    ],
)
def test_a_ratio_is_believed_from_a_thousand_rows_on(dead, rows, most, said):
    assert too_many_errors(dead, rows, most) == said


def test_rows_that_are_written_are_counted_until_too_many_have_failed():
    limit = ErrorLimit(0.01, "/out/_nlpbatch/dead")
    limit.add(rows=1_000, dead=10)
    limit.check()
    limit.add(rows=1_000, dead=11)
    with pytest.raises(TooManyErrors, match=r"21 of 2,000 rows failed .* /out/_nlpbatch/dead; .* --max-error-ratio"):
        limit.check()


def test_rows_under_way_are_counted_on_top_of_those_that_are_written():
    limit = ErrorLimit(0.01, "/dead")
    limit.add(rows=1_000, dead=10)
    assert not limit.is_exceeded_with(TaskStats(documents=100, failed=1))
    assert limit.exceeded is None
    assert limit.is_exceeded_with(TaskStats(documents=100, failed=2))
    assert "12 of 1,100 rows failed" in limit.exceeded.message


def test_a_micro_batch_that_is_written_is_not_counted_as_under_way_any_more():
    limit, totals = ErrorLimit(0.01, "/dead"), TaskTotals(AccumulatorContext())
    limit.add(rows=10_000, dead=0)
    totals.begin()
    totals(TaskStats(documents=100, failed=60))
    assert not limit.is_exceeded_with(totals.under_way())
    totals.end()
    limit.add(rows=100, dead=60)
    assert not limit.is_exceeded_with(totals.under_way())
    totals.begin()
    totals(TaskStats(documents=100, failed=1))
    assert not limit.is_exceeded_with(totals.under_way())
