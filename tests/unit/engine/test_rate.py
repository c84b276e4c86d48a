import pytest

from nlpbatch.engine.rate import AnalysisRate


def test_the_time_to_come_back_follows_the_speed_of_the_workers():
    rate = AnalysisRate()
    before = rate.bytes_per_s
    rate.measure(1000, 1.0)
    assert 1000 < rate.bytes_per_s < before
    rate.measure(0, 1.0)
    rate.measure(1000, 0.0)  # a clock that has not moved says nothing about speed
    assert rate.bytes_per_s == pytest.approx(before + 0.1 * (1000 - before))


def test_workers_share_the_wait_and_none_counts_as_one():
    rate = AnalysisRate()
    assert rate.wait_s(400_000, 2) == pytest.approx(1.0)
    assert rate.wait_s(400_000, 0) == rate.wait_s(400_000, 1) == pytest.approx(2.0)
