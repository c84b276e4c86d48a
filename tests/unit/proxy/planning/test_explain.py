import math

import pytest

from proxy.planning.explain import Load, allowances, workers_for
from tests.fakes.proxy_parts import proxy_settings


def found(settings, **load):
    given = {"tenant": "a", "size_bytes": 65_536} | load
    return allowances(settings, Load(**given))


def test_without_quotas_the_backends_share_binds():
    first = found(proxy_settings())[0]
    assert first.name == "backends, under contention"
    assert first.bytes_per_s == pytest.approx(8 * 200_000 / 2 / 4)


def test_the_narrowest_quota_binds():
    settings = proxy_settings({"a": {"quota": {"bytes_per_s": 100_000}, "key_quota": {"bytes_per_s": 50_000}}})
    assert found(settings)[0].name == "tenants.a.key_quota (one key).bytes_per_s"


@pytest.mark.parametrize(
    ("tenants", "groups"),
    [
        ({"a": {"quota": {"bytes_per_s": 1000, "burst_bytes": 1000}}}, {}),
        ({}, {"limits": {"body_bytes": 60_000}}),
    ],
)
def test_what_never_passes_binds_with_nothing(tenants, groups):
    assert found(proxy_settings(tenants, **groups))[0].bytes_per_s == 0


def test_what_allows_everything_is_last():
    assert math.isinf(found(proxy_settings())[-1].bytes_per_s)


def test_a_class_that_the_tenant_may_not_claim_has_no_share():
    settings = proxy_settings({"a": {"classes": ["batch"]}})
    assert found(settings, class_name="interactive")[0].bytes_per_s == 0


def test_a_tenant_that_is_not_there_is_a_key_error():
    with pytest.raises(KeyError):
        found(proxy_settings(), tenant="nobody")


def workers(settings, **load):
    return workers_for(settings, Load(**{"tenant": "a", "size_bytes": 65_536} | load))


def test_what_a_quota_lets_through_takes_so_many_workers():
    settings = proxy_settings({"a": {"quota": {"bytes_per_s": 2_000_000}}}, quota={"bytes_per_s": 3_000_000})
    assert workers(settings) == (
        "tenants.a.quota.bytes_per_s lets 2,000,000 bytes/s through, which 13 workers analyse that are busy 80% of the "
        "time"
    )
    assert "which 5 workers analyse" in workers(settings, worker_bytes_per_s=500_000.0)


@pytest.mark.parametrize(
    ("scaling", "says"),
    [
        ({"max_workers": 8}, "; scaling wants 8 at most, which analyse 1,600,000 bytes/s"),
        ({"min_workers": 20}, "; scaling wants 20 at least"),
    ],
)
def test_bounds_of_scaling_are_said_where_they_hold(scaling, says):
    settings = proxy_settings({"a": {"quota": {"bytes_per_s": 2_000_000}}}, scaling=scaling)
    assert workers(settings).endswith(f"busy 80% of the time{says}")


def test_without_a_quota_only_the_bound_ends_the_growth():
    assert workers(proxy_settings()).endswith("without end: set scaling.max_workers")
    assert workers(proxy_settings(scaling={"max_workers": 8})).endswith("up to scaling.max_workers, 8")
