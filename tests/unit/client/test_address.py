import pytest

from nlpbatch.client.address import ServiceAddress, parse_address, parse_addresses, urls_of
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


A, B = parse_address("http://a:8700"), parse_address("http://b:8700/nlp")


@pytest.mark.parametrize(
    "service",
    [
        "http://a:8700,http://b:8700/nlp",
        "http://a:8700/, http://b:8700/nlp/v1",
        " http://a:8700 , http://b:8700/nlp/ ",
        ["http://a:8700", "http://b:8700/nlp"],
        (" http://a:8700/v1", "http://b:8700/nlp "),
    ],
)
def test_several_addresses_are_taken_apart_in_their_order_each_with_its_own_path(service):
    assert parse_addresses(service) == (A, B)


@pytest.mark.parametrize("service", ["http://a:8700", ["http://a:8700/"]])
def test_one_address_is_one_however_it_is_given(service):
    assert parse_addresses(service) == (A,)


def test_what_several_addresses_are_shown_as_is_read_as_the_same():
    assert parse_addresses(urls_of((A, B))) == (A, B)


@pytest.mark.parametrize(
    ("service", "why"),
    [
        ("http://a,b:8700,http://c", "address 2 of 3 is 'b:8700', which doesn't begin with http"),
        ("http://a,http://b:port", "address 2 of 2 is 'http://b:port', which is not a URL"),
        ("http://a,,http://b", "address 2 of 3 is empty: leave out the comma"),
        ("http://a,", "address 2 of 2 is empty: leave out the comma"),
        ("http://a http://b,http://c", "address 1 of 2 .* has characters that a URL can't have"),
        (["http://a", None], "address 2 of 2 is a NoneType, not a string"),
        ([], "is an empty list"),
        ({"http://a"}, "is a set, not a string"),
        (["http://a,http://b"], "has a comma in its host: give one URL per entry"),
    ],
)
def test_the_entry_that_is_no_address_is_named(service, why):
    with pytest.raises(ConfigError, match=why):
        parse_addresses(service)


@pytest.mark.parametrize("again", ["http://a:80", "HTTP://A/", "http://a/v1"])
def test_an_address_that_is_given_twice_is_refused_however_it_is_written(again):
    with pytest.raises(ConfigError, match=r"address 3 of 3 is .*, which is there before: leave it out"):
        parse_addresses(f"http://a,http://b,{again}")


def test_the_same_host_with_other_ports_or_paths_is_several_addresses():
    assert len(parse_addresses("http://a:1,http://a:2,http://a:2/nlp")) == 3


def test_http_beside_https_is_refused():
    with pytest.raises(ConfigError, match=r"address 2 of 2 is http://b, but the first is https://a: give all with"):
        parse_addresses("https://a,http://b")


@pytest.mark.parametrize("service", ["http://b,http://me:geheim@proxy", "http://me:gehe,im@proxy"])
def test_a_password_in_one_of_several_addresses_is_not_repeated(service):
    with pytest.raises(ConfigError, match="use api_key instead") as caught:
        parse_addresses(service)
    assert "gehe" not in caught.value.message
