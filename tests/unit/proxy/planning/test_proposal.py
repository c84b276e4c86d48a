import tomllib

import pytest

from nlpbatch.errors import InvalidRequest
from proxy.planning.proposal import editable, proposed, read_edits, to_toml
from tests.fakes.proxy_parts import proxy_settings

RATE = ["tenants", "a", "quota", "bytes_per_s"]


def edits(*pairs, settings=None):
    given = {"edits": [{"path": path, "value": value} for path, value in pairs]}
    return read_edits(given, settings or proxy_settings())


def test_the_settings_have_the_edits_and_nothing_else():
    before = proxy_settings()
    after = proposed(before, edits((RATE, 2_000_000), (["classes", "batch", "max_wait_s"], 5)))
    assert after.tenants["a"].quota.bytes_per_s == 2_000_000
    assert after.classes.batch.max_wait_s == 5
    assert after.tenants["b"] == before.tenants["b"]


def test_null_is_the_default():
    before = proxy_settings({"a": {"quota": {"bytes_per_s": 1000}}})
    assert proposed(before, edits((RATE, None), settings=before)) == proxy_settings()


def test_the_lines_are_toml_with_the_same_meaning():
    given = edits((RATE, 2_000_000), (["tenants", "a", "quota", "concurrency"], 5), (["queue", "requests"], 10))
    assert tomllib.loads(to_toml(given)) == {
        "tenants": {"a": {"quota": {"bytes_per_s": 2_000_000, "concurrency": 5}}},
        "queue": {"requests": 10},
    }
    assert "# bytes_per_s: leave this line out" in to_toml(edits((RATE, None)))


def test_each_limit_that_may_be_edited_is_listed_with_its_value():
    listed = {one["name"]: one["value"] for one in editable(proxy_settings({"a": {"weight": 2.5}}))}
    assert listed["tenants.a.weight"] == 2.5
    assert listed["tenants.a.quota.bytes_per_s"] is None
    assert listed["queue.requests"] == 2000


@pytest.mark.parametrize("path", [one["path"] for one in editable(proxy_settings())])
def test_each_of_them_can_be_edited(path):
    value = 3.5 if path[-1] in {"per_worker", "max_per_worker"} else 7
    rate = [([*path[:-1], "bytes_per_s"], 10**6)] if path[-1] == "burst_bytes" else []  # which it needs
    after = proposed(proxy_settings(), edits(*rate, (path, value)))
    assert {tuple(one["path"]): one["value"] for one in editable(after)}[tuple(path)] == value


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (None, "send"),
        ({"edits": []}, "send"),
        ({"edits": [{"path": RATE, "value": 1}] * 51}, "1 to 50"),
        ({"edits": [{"path": ["admin", "port"], "value": 1}]}, "names no limit"),
        ({"edits": [{"path": ["tenants", "nobody", "weight"], "value": 1}]}, "names no limit"),
        ({"edits": [{"path": "weight", "value": 1}]}, "names no limit"),
        ({"edits": [{"path": RATE, "value": "1"}]}, "no number"),
        ({"edits": [{"path": RATE, "value": True}]}, "no number"),
    ],
)
def test_what_cannot_be_edited_is_refused(members, says):
    with pytest.raises(InvalidRequest, match=says):
        read_edits(members, proxy_settings())


def test_a_value_out_of_bounds_is_refused_with_all_faults():
    with pytest.raises(InvalidRequest, match=r"bytes_per_s(.|\n)*weight|weight(.|\n)*bytes_per_s"):
        proposed(proxy_settings(), edits((RATE, -1), (["tenants", "a", "weight"], 0)))
