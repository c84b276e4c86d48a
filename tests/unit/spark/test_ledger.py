from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.client.stats import ClientStats
from nlpbatch.spark.ledger import add

stats = st.builds(ClientStats, **{field.name: st.integers(0, 1000) for field in fields(ClientStats)})


@given(stats, stats)
def test_figures_are_added_field_by_field(left, right):
    total = add(left, right)
    for field in fields(ClientStats):
        assert getattr(total, field.name) == getattr(left, field.name) + getattr(right, field.name)


@given(stats)
def test_adding_nothing_changes_nothing(some):
    assert add(some, ClientStats()) == some
