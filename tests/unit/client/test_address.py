import pytest

from nlpbatch.client.address import ServiceAddress, parse_address
from nlpbatch.errors import ConfigError


@pytest.mark.parametrize(
    ("service", "address"),
    [
        ("http://proxy:8700", ServiceAddress("http://proxy:8700", False, "proxy", 8700, "")),
        ("http://proxy:8700/", ServiceAddress("http://proxy:8700", False, "proxy", 8700, "")),
        ("https://gate.example/nlp/", ServiceAddress("https://gate.example/nlp", True, "gate.example", None, "/nlp")),
        ("http://[::1]:80", ServiceAddress("http://[::1]:80", False, "::1", 80, "")),
        ("http://proxy:8700/v1", ServiceAddress("http://proxy:8700", False, "proxy", 8700, "")),
        (
            "https://gate.example/nlp/v1/",
            ServiceAddress("https://gate.example/nlp", True, "gate.example", None, "/nlp"),
        ),
        (
            "https://gate.example/nlpv1",
            ServiceAddress("https://gate.example/nlpv1", True, "gate.example", None, "/nlpv1"),
        ),
        ("HTTP://Proxy", ServiceAddress("http://Proxy", False, "proxy", None, "")),
    ],
)
def test_an_address_is_taken_apart(service, address):
    assert parse_address(service) == address


@pytest.mark.parametrize(
    ("service", "why"),
    [
        ("proxy:8700", "doesn't begin with http"),
        ("localhost", "doesn't begin with http"),
        ("ftp://proxy", "doesn't begin with http"),
        ("", "doesn't begin with http"),
        ("http://", "names no host"),
        ("http://:8700", "names no host"),
        ("http://proxy:port", "is not a URL"),
        ("http://proxy:99999", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("http://a..b", "is not a URL"),
        (f"http://{'a' * 64}", "is not a URL"),
        ("http://proxy:8700?x=1", "leave out what follows the path"),
        ("http://proxy#x", "leave out what follows the path"),
        (" http://proxy", "characters that a URL can't have"),
        ("http://pro\nxy", "characters that a URL can't have"),
        ("http://서비스", "characters that a URL can't have"),
        (None, "is a NoneType, not a string"),
        (b"http://proxy", "is a bytes, not a string"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason_and_an_example(service, why):
    with pytest.raises(ConfigError, match=why) as caught:
        parse_address(service)
    assert "http://proxy.example:8700" in caught.value.message


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(ConfigError) as caught:
        parse_address("http://me:geheim@proxy")
    assert "geheim" not in caught.value.message
