import pytest

from nlpbatch.serving.failed_keys import FailedKeys, host_of


def test_within_the_bound_nobody_waits_and_over_it_until_the_next_is_due():
    keys = FailedKeys()
    assert [keys.fail("10.0.0.1", 0.0, 60) for _ in range(60)] == [0.0] * 60
    assert keys.fail("10.0.0.1", 0.0, 60) == pytest.approx(1.0)
    assert keys.fail("10.0.0.1", 0.5, 60) == pytest.approx(0.5)
    assert keys.fail("10.0.0.1", 1.0, 60) == 0.0
    assert keys.fail("10.0.0.1", 1.0, 60) > 0


def test_one_that_has_to_wait_makes_it_no_longer_by_asking():
    keys = FailedKeys()
    for _ in range(1000):
        keys.fail("10.0.0.1", 0.0, 10)
    assert keys.fail("10.0.0.1", 6.0, 10) == 0.0


@pytest.mark.parametrize("per_minute", [1, 3, 7, 120, 1_000_000])
def test_exactly_as_many_as_are_allowed(per_minute):
    keys = FailedKeys()
    assert sum(keys.fail("a", 5.0, per_minute) == 0 for _ in range(min(per_minute, 2000) + 5)) == min(per_minute, 2005)


def test_each_address_has_its_own_bound():
    keys = FailedKeys()
    assert keys.fail("10.0.0.1", 0.0, 1) == 0.0
    assert keys.fail("10.0.0.1", 0.0, 1) > 0
    assert keys.fail("10.0.0.2", 0.0, 1) == 0.0


def test_the_number_of_addresses_is_bounded_and_the_oldest_goes():
    keys = FailedKeys(max_addresses=3)
    for number in range(5):
        keys.fail(f"10.0.0.{number}", 0.0, 1)
    assert len(keys) == 3
    assert keys.fail("10.0.0.4", 0.0, 1) > 0
    assert keys.fail("10.0.0.0", 0.0, 1) == 0.0


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", ""),
    ],
)
def test_one_host_is_one_address(address, host):
    assert host_of(address) == host


def test_others_are_told_of_each_failure_once_and_soon_of_many():
    woken = []
    keys = FailedKeys()
    keys.fail("10.0.0.9", 0.0, 8)
    keys.on_much = lambda: woken.append(1)
    keys.fail("10.0.0.1", 0.0, 8)
    assert woken == []
    keys.fail("10.0.0.1", 0.0, 8)
    assert woken == [1]
    assert keys.take_untold() == {"10.0.0.1": 2}
    assert keys.take_untold() == {}
    keys.fail("10.0.0.1", 0.0, 8)
    keys.not_told({"10.0.0.1": 2})
    assert keys.take_untold() == {"10.0.0.1": 3}


def test_what_others_have_counted_makes_an_address_wait_and_never_shortens_it():
    keys = FailedKeys()
    keys.fail("10.0.0.1", 0.0, 60)
    keys.learn("10.0.0.1", 90.0, 0.0)
    assert keys.fail("10.0.0.1", 0.0, 60) == pytest.approx(31.0)
    keys.learn("10.0.0.1", 1.0, 0.0)
    assert keys.fail("10.0.0.1", 0.0, 60) == pytest.approx(31.0)
    keys.learn("10.0.0.2", 90.0, 0.0)  # has not failed here
    assert len(keys) == 1
