"""How signatures are cut, and which rows near duplicates leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.recipe.near_duplicates import _dropped, bands_of


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1])
def test_a_pair_at_the_bound_meets_in_a_band_with_99_percent(similarity):
    bands, rows = bands_of(similarity)
    assert 1 - (1 - similarity**rows) ** bands >= 0.99
    assert bands * rows <= 100


def test_few_unlike_texts_meet():
    bands, rows = bands_of(0.8)
    assert 1 - (1 - 0.2**rows) ** bands < 0.005


@given(st.sets(st.tuples(st.integers(0, 20), st.integers(0, 20)).filter(lambda pair: pair[0] < pair[1])))
def test_what_is_kept_is_never_near_and_what_is_dropped_is_near_to_what_is_kept(pairs):
    before = {}
    for earlier, later in pairs:
        before.setdefault(later, []).append(earlier)
    dropped = set(_dropped(sorted(before.items())))
    kept = set(range(21)) - dropped
    assert not any(earlier in kept and later in kept for earlier, later in pairs)
    assert all(any(earlier in kept for earlier in before[one]) for one in dropped)
