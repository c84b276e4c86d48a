from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.client.stats import ClientStats

stats = st.builds(TaskStats, **{field.name: st.integers(0, 1000) for field in fields(TaskStats)})


@given(stats, stats)
def test_stats_are_added_field_by_field(left, right):
    total = left + right
    for field in fields(TaskStats):
        assert getattr(total, field.name) == getattr(left, field.name) + getattr(right, field.name)


@given(stats, stats)
def test_what_was_added_can_be_taken_away(left, right):
    assert left + right - right == left


@given(stats)
def test_adding_nothing_changes_nothing(some):
    assert some + TaskStats() == some


def test_what_a_client_did_is_part_of_what_its_task_did():
    stats = ClientStats(requests=3, retries=1, sent_bytes=7, received_bytes=9, throttled_s=0.5, backoff_s=0.25)
    found = TaskStats.of_client(stats)
    assert (found.requests, found.retries, found.throttled_s, found.answered) == (3, 1, 0.5, 0)
