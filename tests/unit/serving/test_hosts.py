import pytest

from nlpbatch.serving.hosts import is_loopback, is_nobody_elses


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "proxy.localhost"])
def test_only_this_machine_reaches_loopback(host):
    assert (is_loopback(host), is_nobody_elses(host)) == (True, True)


@pytest.mark.parametrize("host", ["10.0.0.5", "0.0.0.0", "::", "fe80::1"])
def test_an_address_is_no_name_that_another_site_has(host):
    assert (is_loopback(host), is_nobody_elses(host)) == (False, True)


@pytest.mark.parametrize("host", ["", "elsewhere.example", "localhost.example", "127.0.0.1.example", "proxyhost"])
def test_any_other_name_may_be_another_site_s(host):
    assert (is_loopback(host), is_nobody_elses(host)) == (False, False)
