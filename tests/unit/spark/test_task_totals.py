from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.spark.task_totals import TaskTotals
from tests.fakes.accumulators import AccumulatorContext


def test_the_stats_of_all_tasks_are_added_up():
    totals = TaskTotals(AccumulatorContext())
    totals(TaskStats(documents=2, failed=1))
    totals(TaskStats(documents=3))
    assert totals.total() == TaskStats(documents=5, failed=1)


def test_nothing_is_under_way_before_a_micro_batch_begins_and_after_it_has_ended():
    totals = TaskTotals(AccumulatorContext())
    totals(TaskStats(documents=2))
    assert totals.under_way() == TaskStats()
    totals.begin()
    totals(TaskStats(documents=3))
    assert totals.under_way() == TaskStats(documents=3)
    totals.end()
    assert totals.under_way() == TaskStats()


def test_a_micro_batch_that_begins_again_is_counted_once():
    totals = TaskTotals(AccumulatorContext())
    totals.begin()
    totals(TaskStats(documents=3))
    totals.begin()
    totals(TaskStats(documents=2))
    assert totals.under_way() == TaskStats(documents=2)
