import functools
from pathlib import Path

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.serving.settings import check, load
from nlpbatch.wire.limits import SizeLimits
from proxy.config import ProxySettings
from proxy.keys import make_key

SHIPPED = Path(__file__).parents[3] / "conf" / "proxy.toml"
KEY, ENTRY = make_key()
OTHER_ENTRY = make_key()[1]
URL = "http://127.0.0.1:8701"


def members(**groups):
    return {"backends": [{"url": URL}], "tenants": {"home": {"keys": [ENTRY]}}} | groups


def settings(**groups):
    return check(members(**groups), ProxySettings, "proxy.toml")


def faults(**groups):
    with pytest.raises(ConfigError) as caught:
        settings(**groups)
    return caught.value.message


def test_the_shipped_file_states_every_default():
    shipped = load(SHIPPED, ProxySettings)
    given = shipped.model_dump()
    assert given["tenants"].keys() == {"default"}
    keys = given["tenants"]["default"]["keys"]
    assert shipped == settings(tenants={"default": {"keys": keys}})
    left_out = _names_with_defaults(shipped) - _names(shipped)
    assert all(f"# {name.rpartition('.')[2]} = " in SHIPPED.read_text() for name in left_out - {"admin.tls"})
    assert {name for name in left_out if functools.reduce(getattr, name.split("."), shipped) is not None} == set()


def test_a_request_body_is_as_large_as_the_api_takes_it():
    assert settings().limits.body_bytes == SizeLimits().body_bytes


def test_all_faults_are_listed_at_once_each_with_key_value_and_bound():
    message = faults(
        listen={"port": 99_999, "hots": "0.0.0.0"},
        concurrency={"per_worker": 0},
        queue={"requests": -1},
        classes={"batch": {"max_wait_s": "long"}},
        upstream={"timeout_s": -0.5},
        backends=[{"url": "ftp://x"}],
        tenants={"home": {"keys": [], "weight": -2}, "guests": {}},
        log_level="loud",
    )
    lines = message.splitlines()
    for wanted in (
        ("listen.port = 99999", "65535"),
        ("listen.hots", "did you mean host?"),
        ("concurrency.per_worker = 0", "greater than or equal to 0.1"),
        ("queue.requests = -1", "greater than or equal to 0"),
        ("classes.batch.max_wait_s = 'long'", "number"),
        ("upstream.timeout_s = -0.5", "greater than 0"),
        ("backends.0.url = 'ftp://x'", "give one such as"),
        ("tenants.home.keys", "at least 1"),
        ("tenants.home.weight = -2", "0.001"),
        ("tenants.guests.keys", "missing"),
        ("log_level = 'loud'", "'debug', 'info', 'warning' or 'error'"),
    ):
        assert [line for line in lines if all(part in line for part in wanted)], wanted
    assert len(lines) == 11
    assert all(line.startswith("proxy.toml: ") for line in lines)


@pytest.mark.parametrize("group", ["backends", "tenants"])
def test_without_backends_or_tenants_there_is_nothing_to_serve(group):
    assert f"{group}: " in faults(**{group: type(members()[group])()})
    without = members()
    del without[group]
    with pytest.raises(ConfigError, match=f"{group}: missing"):
        check(without, ProxySettings, "proxy.toml")


def test_two_tenants_with_one_key_are_refused_by_the_key_s_id():
    message = faults(tenants={"home": {"keys": [ENTRY]}, "guests": {"keys": [OTHER_ENTRY, ENTRY]}})
    assert message.startswith(f"proxy.toml: tenants: key {ENTRY[:12]} is listed by home and guests")


def test_one_key_twice_in_a_tenant_is_refused():
    assert "is listed by home and home" in faults(tenants={"home": {"keys": [ENTRY, ENTRY]}})


@pytest.mark.parametrize("again", [URL, f"{URL}/"])
def test_a_backend_listed_twice_is_refused(again):
    message = faults(backends=[{"url": URL}, {"url": "http://b"}, {"url": again}])
    assert message == f"proxy.toml: backends: {URL} is listed 2 times: list it once"


def test_repeated_backends_and_keys_are_listed_beside_other_faults():
    twice = {"keys": [ENTRY]}
    message = faults(backends=[{"url": URL}] * 2, tenants={"a": twice, "b": twice}, queue={"requests": -1})
    assert len(message.splitlines()) == 3


@pytest.mark.parametrize(
    "url",
    [
        "",
        "backend:8701",
        "//backend:8701",
        "ftp://backend",
        "http://",
        "http://:8701",
        "http://backend:99999",
        "http://backend:0",
        "http://backend:port",
        "http://[::1",
        "http://back end",
        "http://backend?x=1",
        "http://backend#x",
        "http://user:word@backend",
    ],
)
def test_what_is_no_address_of_an_api_is_refused(url):
    assert faults(backends=[{"url": url}]).startswith(f"proxy.toml: backends.0.url = {url!r}: not the address")


@pytest.mark.parametrize("url", ["http://backend", "https://backend:1", "http://[::1]:8701", "http://backend/nlp"])
def test_an_address_is_kept_without_the_slash_at_its_end(url):
    assert settings(backends=[{"url": f"{url}/"}]).backends[0].url == url


@pytest.mark.parametrize(
    "tenants",
    [
        {"home": {"keys": [KEY]}},
        {"home": {"keys": [ENTRY, f"{KEY} "]}},
        {"home": {"keys": KEY}},
        {"home": {"keys": {"first": KEY}}},
        {"home": {"keys": [[KEY]]}},
        {"home": KEY},
        {"home": {"key": KEY, "keys": [ENTRY]}},
    ],
)
def test_a_key_that_was_pasted_instead_of_its_hash_is_refused_and_not_repeated(tenants):
    message = faults(tenants=tenants)
    assert "tenants.home" in message
    assert KEY.split("_", 2)[2] not in message


def test_a_pasted_key_s_remedy_is_to_make_a_hash():
    assert "make one with nlpbatch proxy key" in faults(tenants={"home": {"keys": [KEY]}})


@pytest.mark.parametrize("name", ["", "-x", "a b", "한국", "a/b", "x" * 65, 'a"b', "a\n"])
def test_a_tenant_s_name_can_be_a_label_and_a_table(name):
    assert "should match pattern" in faults(tenants={name: {"keys": [ENTRY]}})


@pytest.mark.parametrize("weight", [0, -1, 1001, float("nan"), float("inf"), "much"])
def test_a_weight_is_a_number_from_a_thousandth_to_a_thousand(weight):
    assert f"tenants.home.weight = {weight!r}" in faults(tenants={"home": {"keys": [ENTRY], "weight": weight}})


def test_nothing_can_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        settings().queue.requests = 5


def _names(group):
    """Return the dotted names that were given."""
    return {
        dotted
        for name in group.model_fields_set
        for dotted in (
            [f"{name}.{inner}" for inner in _names(getattr(group, name))] if _is_group(group, name) else [name]
        )
    }


def _names_with_defaults(group):
    return {
        dotted
        for name in type(group).model_fields
        for dotted in (
            [f"{name}.{inner}" for inner in _names_with_defaults(getattr(group, name))]
            if _is_group(group, name)
            else [name]
        )
    }


def _is_group(group, name):
    return hasattr(getattr(group, name), "model_fields_set")


@pytest.mark.parametrize(
    ("group", "old", "new"),
    [
        ("concurrency", "most_per_worker", "max_per_worker"),
        ("upstream", "retry_least", "retry_min"),
        ("upstream", "eject_most_s", "eject_max_s"),
    ],
)
def test_a_renamed_key_is_refused_with_its_new_name(group, old, new):
    with pytest.raises(ConfigError, match=rf"{group}\.{old}: renamed: write {new} instead"):
        settings(**{group: {old: 5}})
    settings(**{group: {new: 5}})


def test_the_slots_of_interactive_requests_beyond_the_limit_have_a_new_name():
    with pytest.raises(ConfigError, match=r"classes\.interactive\.extra_places: renamed: write extra_slots instead"):
        settings(classes={"interactive": {"extra_places": 5}})


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_proxies_can_only_be_given_an_address_that_they_can_reach(host):
    assert f"host {host} is no address that other proxies can be given: set advertise" in faults(peer={"host": host})
    assert settings(peer={"host": host, "advertise": "http://10.0.0.21:8703"}).peer.host == host
