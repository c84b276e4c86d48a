from proxy.planning.diff import changes
from tests.fakes.proxy_parts import proxy_settings


def rows(before, after):
    return {
        (change.who, change.what): (change.before, change.after, change.effect) for change in changes(before, after)
    }


def test_the_same_is_no_change():
    assert changes(proxy_settings(), proxy_settings()) == []


def test_one_s_weight_is_the_others_loss():
    found = rows(proxy_settings(), proxy_settings({"a": {"weight": 2.0}}))
    assert found["a", "share under contention"] == ("25.0%", "40.0%", "gains")
    assert found["b", "share under contention"] == ("25.0%", "20.0%", "loses")


def test_quotas_are_compared_with_having_none():
    quota = {"a": {"quota": {"bytes_per_s": 1000, "concurrency": 5}}}
    found = rows(proxy_settings(), proxy_settings(quota))
    assert found["a", "quota, bytes/s"] == ("unlimited", "1,000", "loses")
    assert found["a", "quota, requests at a time"] == ("unlimited", "5", "loses")
    assert rows(proxy_settings(quota), proxy_settings())["a", "quota, bytes/s"][2] == "gains"


def test_backends_keys_and_other_settings_are_listed_once_each():
    before = proxy_settings()
    after = proxy_settings(
        {
            "a": {"keys": list(proxy_settings().tenants["b"].keys), "classes": ["batch"]},
            "b": {"keys": before.tenants["a"].keys},
        },
        backends=[{"url": "http://c"}],
        listen={"port": 1},
        upstream={"timeout_s": 5.0},
        classes={"interactive": {"weight": 3.0}},
    )
    found = rows(before, after)
    assert found["http://b", "backend"][2] == "loses"
    assert found["http://c", "backend"][2] == "gains"
    assert found["all", "listen.port"] == ("8700", "1", "needs a restart")
    assert found["all", "upstream.timeout_s"] == ("120.0", "5.0", "changes")
    assert found["interactive", "share while batch waits"] == ("50.0%", "75.0%", "gains")
    assert found["a", "classes"][2] == "changes"
    assert sum(who == "a" and what.startswith("key ") for who, what in found) == 2


def test_a_tenant_that_is_gone_loses_all_and_one_that_came_gains():
    before = proxy_settings()
    without = before.model_copy(update={"tenants": {name: one for name, one in before.tenants.items() if name != "a"}})
    assert rows(before, without)["a", "tenant"] == ("known", "unknown", "loses")
    assert rows(without, before)["a", "tenant"] == ("unknown", "known", "gains")
