import pytest

from nlpbatch.errors import ConfigError
from proxy.planning.check import summary, warnings
from tests.fakes.proxy_parts import proxy_settings

KIB = 1024


def test_the_summary_gives_shares():
    text = "\n".join(summary(proxy_settings({"a": {"weight": 3.0, "quota": {"bytes_per_s": 1_000_000}}})))
    assert "tenant a: 50% of the service" in text
    assert "1,000,000 bytes/s with bursts of 10,000,000" in text
    assert "interactive requests get 50% of the service while batch waits" in text


def test_plain_settings_have_nothing_odd():
    assert warnings(proxy_settings()) == []


@pytest.mark.parametrize(
    ("tenants", "groups", "wanted"),
    [
        ({"a": {"quota": {"bytes_per_s": 1000, "burst_bytes": 1000}}}, {}, "tenants.a.quota: requests of 1,000 to"),
        ({"a": {"quota": {"bytes_per_s": 10**8}}}, {"quota": {"bytes_per_s": 10**7}}, "it never binds"),
        (
            {"a": {"quota": {"bytes_per_s": 10**7}, "key_quota": {"bytes_per_s": 10**8}}},
            {},
            "tenants.a.key_quota: 100,000,000 bytes/s is over its tenant's",
        ),
        ({}, {"queue": {"size_bytes": KIB}}, "queue.size_bytes: a request over 1,024 bytes can't wait"),
        ({}, {"classes": {"batch": {"max_wait_s": 5.0}}}, "classes.batch: target_delay_s never binds"),
        ({}, {"replay": {"size_bytes": 0}}, "replay.size_bytes: too small"),
        ({}, {"admin": {"host": "0.0.0.0"}}, "admin: listens on 0.0.0.0 without a key"),
    ],
)
def test_a_likely_mistake_is_named_with_a_remedy(tenants, groups, wanted):
    (warning,) = warnings(proxy_settings(tenants, **groups))
    assert wanted in warning


def test_it_says_what_limits_mean_with_several_proxies(tmp_path):
    assert "N proxies without [shared] let through N times as much" in summary(proxy_settings())[-1]
    (tmp_path / "secret").write_text("a secret of the fleet")
    shared = {"url": "redis://10.0.0.9", "secret_file": str(tmp_path / "secret"), "expected_proxies": 4}
    given = proxy_settings(shared=shared, quota={"concurrency": 3})
    assert summary(given)[-1].startswith("limits are those of all proxies of the fleet nlpbatch together")
    assert summary(given)[-1].endswith("divided by the proxies last seen, 4 at least")
    assert [line for line in warnings(given) if "without the store 1 of them let nothing through" in line]


def test_a_listener_with_a_key_may_be_anywhere(tmp_path):
    (tmp_path / "key").write_text("a key that is long enough")
    assert warnings(proxy_settings(admin={"host": "0.0.0.0", "key_file": str(tmp_path / "key")})) == []


@pytest.mark.parametrize("key", ["short", "한" * 20, ""])
def test_a_key_that_is_none_is_refused(tmp_path, key):
    (tmp_path / "key").write_text(key)
    with pytest.raises(ConfigError, match="admin"):
        proxy_settings(admin={"key_file": str(tmp_path / "key")})
