from nlpbatch.serving.settings import check
from proxy.config import ProxySettings
from proxy.keys import make_key
from proxy.operating.changes import changed
from tests.fakes.proxy_parts import proxy_settings

ENTRY = make_key()[1]


def proxy_with(tenants):
    return check({"backends": [{"url": "http://b"}], "tenants": tenants}, ProxySettings, "test")


def test_each_setting_that_differs_is_listed_with_both_values():
    after = proxy_settings({"a": {"quota": {"bytes_per_s": 7}}}, queue={"requests": 7})
    assert changed(proxy_settings(), after) == {
        "queue.requests": {"before": 2000, "after": 7},
        "tenants.a.quota.bytes_per_s": {"before": None, "after": 7},
    }
    assert changed(after, after) == {}


def test_of_keys_only_ids_are_listed():
    before = proxy_settings()
    changes = changed(before, proxy_settings({"a": {"keys": [ENTRY]}}))
    ids = {"before": [before.tenants["a"].keys[0][:12]], "after": [ENTRY[:12]]}
    assert changes == {"tenants.a.keys": ids}


def test_so_many_changes_that_they_are_counted():
    members = {f"t{number}": {"keys": [make_key()[1]]} for number in range(30)}
    changes = changed(proxy_settings(), proxy_with(members))
    assert len(changes) == 101
    assert changes["…"]["after"].endswith("further settings")
