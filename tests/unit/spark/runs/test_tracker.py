import pytest

from nlpbatch.client.stats import ClientStats
from nlpbatch.spark.runs.tracker import Tracker


def tracker(total_bytes, throttled_s=0.0):
    return Tracker(total_bytes, lambda: ClientStats(throttled_s=throttled_s), 4)


def test_before_the_first_micro_batch_nothing_is_known():
    progress = tracker(1_000).look()
    assert (progress.rows, progress.rows_total, progress.done_bytes, progress.total_bytes) == (0, None, 0, 1_000)


def test_files_that_state_their_rows_give_them_for_the_micro_batch_and_an_estimate_for_all():
    track = tracker(1_000)
    track.begin(250, 100, lambda: 40, lambda: pytest.fail("the rows are known"))
    progress = track.look()
    assert (progress.rows, progress.rows_total, progress.done_bytes, progress.exact) == (40, 400, 100, False)


def test_the_last_micro_batch_makes_the_number_of_rows_exact():
    track = tracker(1_000)
    track.begin(250, 100, lambda: 100, lambda: 1.0)
    track.end(100)
    track.begin(750, 500, lambda: 0, lambda: 0.0)
    progress = track.look()
    assert (progress.rows, progress.rows_total, progress.done_bytes, progress.exact) == (100, 600, 250, True)


def test_files_that_do_not_state_their_rows_are_followed_by_tasks():
    track = tracker(1_000)
    track.begin(500, None, lambda: 7, lambda: 0.5)
    progress = track.look()
    assert (progress.rows, progress.rows_total, progress.done_bytes) == (7, None, 250)
    track.end(20)
    assert (track.look().rows, track.look().rows_total, track.done_bytes) == (20, 40, 500)


def test_rows_that_are_answered_twice_do_not_go_over_what_there_is():
    track = tracker(1_000)
    track.begin(1_000, 100, lambda: 130, lambda: 1.0)
    progress = track.look()
    assert (progress.done_bytes, progress.rows_total) == (1_000, 130)


def test_the_throttled_share_is_of_all_lanes_and_at_most_all():
    assert tracker(1, throttled_s=1e9).look().throttled == 1.0
