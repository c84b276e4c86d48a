import math

import pytest

from proxy.planning.explain import Load, allowances
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
