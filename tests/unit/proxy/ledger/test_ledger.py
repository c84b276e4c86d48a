import pytest

from proxy.ledger.ledger import HUNG_UP
from tests.fakes.proxy_parts import arrival, counted, new_ledger


def test_requests_are_counted_by_what_became_of_them():
    ledger, one = new_ledger(), arrival("a", "out-1")
    ledger.analysed(one, 100, 7, answered=True)
    ledger.analysed(one, 50, 0, answered=False)
    ledger.attempted(one)
    ledger.ended(one, 200, 50)
    ledger.replayed(one, 100)
    for status in (429, 503, 500, 413, HUNG_UP):
        ledger.ended(one, status, 10)
    assert counted(ledger, "a", "out-1") == {
        "attempts": 3,
        "analysed": 2,
        "analysed_bytes": 150,
        "documents": 7,
        "answered": 3,
        "answered_bytes": 250,
        "replayed": 1,
        "replayed_bytes": 100,
        "refused": 2,
        "refused_bytes": 20,
        "failed": 2,
        "failed_bytes": 20,
        "abandoned": 1,
        "abandoned_bytes": 10,
    }
    assert ledger.pending_bytes("a") == 150
    assert ledger.pending_entries == 10


def test_tenants_keys_and_jobs_are_counted_apart_and_so_is_no_job():
    ledger = new_ledger()
    for tenant, job in (("a", "out-1"), ("a", ""), ("b", "out-1")):
        ledger.attempted(arrival(tenant, job))
    assert len(ledger.pending.counts) == 3
    assert counted(ledger, "a", "") == {"attempts": 1}


@pytest.mark.parametrize(("later_s", "days"), [(0, 1), (12 * 3600, 1), (13 * 3600, 2), (-12 * 3600, 2)])
def test_days_are_those_of_utc(later_s, days):
    now = [1_795_000_000.0]  # 11:06:40
    ledger = new_ledger(lambda: now[0])
    ledger.attempted(arrival("a"))
    now[0] += later_s
    ledger.attempted(arrival("a"))
    assert len(ledger.pending.counts) == days
    assert ledger.pending.counts.keys() >= {("2026-11-18", "a", arrival("a").key_id, "")}
