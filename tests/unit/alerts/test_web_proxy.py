import pytest

from nlpbatch.alerts.web_proxy import web_proxy
from nlpbatch.errors import ConfigError

HOOK = "https://hooks.example.com:8443/s3cret"
PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, None),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTPS_PROXY": "https://me:p%40ss@proxy"}, "https://me:p%40ss@proxy"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "other.example, example.com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example.com"}, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "hooks.example.com:8443"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "ample.com"}, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ""}, PROXY),
    ],
)
def test_a_proxy_is_used_as_other_programs_do(environment, proxy):
    assert web_proxy(HOOK, environment) == proxy


def test_addresses_of_ipv6_can_be_left_out():
    for address in ("http://[::1]:80/", "http://[::1]/"):
        assert web_proxy(address, {"HTTP_PROXY": PROXY, "NO_PROXY": "::1"}) is None
        assert web_proxy(address, {"HTTP_PROXY": PROXY}) == PROXY


@pytest.mark.parametrize("proxy", ["socks5h://me:p4ss@proxy", "http://", "http://me:p4ss@proxy:x", "http://p4ss roxy"])
def test_what_is_no_http_proxy_is_refused_before_a_run_and_not_shown(proxy):
    with pytest.raises(ConfigError, match=r"\$HTTPS_PROXY is no address of an HTTP proxy.*NO_PROXY") as caught:
        web_proxy(HOOK, {"HTTPS_PROXY": proxy})
    assert "p4ss" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert web_proxy(HOOK, {"HTTPS_PROXY": proxy, "NO_PROXY": "example.com"}) is None
