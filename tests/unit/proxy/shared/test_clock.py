from proxy.shared.clock import FleetClock


def test_the_store_s_time_is_taken_over_and_small_steps_back_are_not_seen():
    wall, monotonic = [1000.0], [5.0]
    clock = FleetClock(lambda: wall[0], lambda: monotonic[0])
    assert clock.now_s() == 1000.0
    clock.adopt(2_000_000_000)
    assert clock.now_s() == 2000.0
    monotonic[0] += 1.0
    assert clock.now_s() == 2001.0
    clock.adopt(2_000_990_000)  # 10 ms behind the time that it gave before: the answer came later than it seemed
    assert clock.now_s() == 2001.0
    monotonic[0] += 0.5
    assert clock.now_s() == 2001.49


def test_a_store_whose_clock_was_set_back_is_followed():
    clock = FleetClock(lambda: 1000.0, lambda: 5.0)
    clock.adopt(2_000_000_000)
    assert clock.now_s() == 2000.0
    clock.adopt(1_900_000_000)
    assert clock.now_s() == 1900.0
