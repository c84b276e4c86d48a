from datetime import date

import pytest

from nlpbatch.errors import InvalidRequest
from proxy.ledger import queries
from proxy.ledger.book import Query, Reading
from proxy.ledger.counters import ABANDONED, ANALYSED_BYTES, ANSWERED, COUNTERS, FAILED, OTHER, REFUSED
from proxy.ledger.queries import query_of_operator, query_of_tenant, rows_to_json, usage_of

TODAY = date(2026, 11, 27)


def counts(**given):
    return [given.get(name, 0) for name in COUNTERS]


def reading(rows):
    return Reading("ledger", 1_795_000_000_000_000, 1_795_000_060_000_000, 1_795_000_059_500_000, 1, rows)


@pytest.mark.parametrize(
    ("parameters", "query"),
    [
        ({"job": "out-1"}, Query("1970-01-01", "9999-12-31", None, "search", "out-1")),
        ({"job": "out-1", "since": "2026-11-01"}, Query("2026-11-01", "9999-12-31", None, "search", "out-1")),
        ({"by": "day"}, Query("2026-10-28", "2026-11-27", "day", "search", None)),
        ({"by": "key", "until": "2026-01-01"}, Query("2026-01-01", "2026-01-01", "key", "search", None)),
    ],
)
def test_a_tenant_asks_for_its_own(parameters, query):
    assert query_of_tenant(parameters, "search", TODAY) == query


@pytest.mark.parametrize(
    ("parameters", "query"),
    [
        ({}, Query("2026-10-28", "2026-11-27", "tenant", None, None)),
        ({"by": "job", "tenant": "ads", "since": "2026-11-27"}, Query("2026-11-27", "2026-11-27", "job", "ads", None)),
    ],
)
def test_an_operator_asks_for_all(parameters, query):
    assert query_of_operator(parameters, TODAY) == query


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "job is missing: ask for /v1/usage"),
        ({"job": ""}, "job is missing"),
        ({"by": "tenant"}, "by='tenant' is none of job, day, key: choose one of them"),
        ({"by": "day", "tenant": "ads"}, "no parameter 'tenant': choose from job, by, since, until"),
        ({"by": "day", "since": "yesterday"}, "since='yesterday' is not a date: give year, month and day"),
        ({"by": "day", "since": "2026-02-30"}, "since='2026-02-30' is not a date"),
        ({"by": "day", "until": "20261127"}, "until='20261127' is not a date"),
        ({"by": "day", "since": "2026-11-28"}, "since=2026-11-28 is after until=2026-11-27: exchange them"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_remedy(parameters, reason):
    with pytest.raises(InvalidRequest, match=reason):
        query_of_tenant(parameters, "search", TODAY)


def test_a_job_s_usage_has_all_counters_and_says_how_complete_it_is():
    found = usage_of(reading({(): counts(analysed=3, analysed_bytes=70, answered=4, refused=1)}), "out-1")
    assert (found.analysed, found.analysed_bytes, found.requests) == (3, 70, 5)
    assert (found.instance, found.job, found.missing) == ("ledger", "out-1", 1)
    assert found.started_at == "2026-11-18T11:06:40.000000+00:00"
    assert found.complete_until == "2026-11-18T11:07:39.500000+00:00" < found.at
    assert usage_of(reading({}), "out-2").requests == 0


def test_rows_come_by_day_or_the_largest_first():
    query = Query("2026-11-01", "2026-11-30", "day")
    rows = {("2026-11-27",): counts(analysed_bytes=1), ("2026-11-26",): counts(analysed_bytes=2)}
    assert [row["day"] for row in rows_to_json(reading(rows), query)["rows"]] == ["2026-11-26", "2026-11-27"]
    rows = {("ads", "a"): counts(analysed_bytes=1), ("search", "b"): counts(analysed_bytes=2, failed=1)}
    found = rows_to_json(reading(rows), Query("2026-11-01", "2026-11-30", "job"))
    assert [(row["tenant"], row["job"], row["requests"]) for row in found["rows"]] == [
        ("search", "b", 1),
        ("ads", "a", 0),
    ]
    assert (found["by"], found["since"], found["missing"]) == ("job", "2026-11-01", 1)


def test_of_too_many_jobs_the_smallest_are_added_up(monkeypatch):
    monkeypatch.setattr(queries, "MAX_JOBS", 2)
    rows = {("search", str(size)): counts(analysed_bytes=size) for size in range(1, 6)} | {
        ("search", OTHER): counts(analysed_bytes=100)
    }
    found = rows_to_json(reading(rows), Query("2026-11-01", "2026-11-30", "job"))["rows"]
    assert [(row["job"], row["analysed_bytes"]) for row in found] == [(OTHER, 110), ("5", 5)]


def test_requests_are_all_that_ended():
    numbers = counts()
    for index in (ANSWERED, REFUSED, FAILED, ABANDONED):
        numbers[index] = 1
    numbers[ANALYSED_BYTES] = 1000
    (row,) = rows_to_json(reading({("a",): numbers}), Query("2026-11-01", "2026-11-30", "tenant"))["rows"]
    assert row["requests"] == 4
