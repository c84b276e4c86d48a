from proxy.traffic.codel import Codel


def test_a_burst_that_goes_by_is_let_through():
    codel = Codel(0.1, 1.0)
    waits_s = {0.1: 0.9, 0.5: 0.6, 0.9: 0.05, 1.2: 0.9, 1.9: 0.02, 2.3: 0.8}
    assert not any(codel.drops(wait_s, now_s) for now_s, wait_s in waits_s.items())


def test_when_even_the_least_wait_of_an_interval_was_too_long_the_next_refuses_what_waited_twice_as_long():
    codel = Codel(0.1, 1.0)
    assert not codel.drops(0.5, 0.0)
    assert not codel.drops(0.3, 0.9)
    assert codel.drops(0.3, 1.1)
    assert not codel.drops(0.15, 1.2)


def test_one_short_wait_ends_it():
    codel = Codel(0.1, 1.0)
    codel.drops(0.5, 0.0)
    assert codel.drops(0.5, 1.0)
    codel.drops(0.05, 1.5)
    assert not codel.drops(0.5, 2.0)


def test_what_was_long_ago_says_nothing():
    codel = Codel(0.1, 1.0)
    codel.drops(0.5, 0.0)
    assert not codel.drops(0.5, 100.0)
