from proxy import usage
from proxy.usage import HUNG_UP, UsageCounter


def counter():
    return UsageCounter("i1", "2026-11-24T00:00:00.000+00:00")


def test_a_job_that_asked_nothing_has_used_nothing():
    found = counter().of("search", "out-1")
    assert (found.instance, found.job, found.analysed, found.analysed_bytes) == ("i1", "out-1", 0, 0)


def test_requests_are_counted_by_what_became_of_them():
    count = counter()
    count.analysed("search", "out-1", 100)
    count.analysed("search", "out-1", 50)
    count.replayed("search", "out-1", 100)
    for status in (200, 429, 503, 500, 413, HUNG_UP):
        count.ended("search", "out-1", status)
    found = count.of("search", "out-1")
    assert (found.analysed, found.analysed_bytes, found.replayed, found.replayed_bytes) == (2, 150, 1, 100)
    assert (found.refused, found.failed, found.abandoned) == (2, 2, 1)


def test_tenants_do_not_see_each_other_s_jobs():
    count = counter()
    count.analysed("search", "out-1", 100)
    assert count.of("ads", "out-1").analysed == 0


def test_requests_of_no_job_are_not_counted():
    count = counter()
    count.analysed("search", "", 100)
    assert count.of("search", "").analysed == 0


def test_of_too_many_jobs_those_are_forgotten_that_asked_nothing_for_longest(monkeypatch):
    monkeypatch.setattr(usage, "MOST_JOBS", 2)
    count = counter()
    for job in ("a", "b", "a", "c"):
        count.analysed("search", job, 1)
    assert [count.of("search", job).analysed for job in "abc"] == [2, 0, 1]
