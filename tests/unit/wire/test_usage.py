import pytest

from nlpbatch.wire.usage import Usage

STARTED_AT = "2026-11-24T00:00:00.000+00:00"


def test_what_is_written_is_read_and_new_members_are_passed_over():
    usage = Usage("i1", STARTED_AT, "out-1", analysed=3, replayed_bytes=7, at="t1", missing=2)
    assert Usage.from_json(usage.to_json() | {"cancelled": 1}) == usage


def test_what_a_proxy_without_a_ledger_sends_is_read():
    old = ("analysed", "analysed_bytes", "replayed", "replayed_bytes", "refused", "failed", "abandoned")
    usage = Usage.from_json({"instance": "i1", "started_at": STARTED_AT, "job": "out-1"} | dict.fromkeys(old, 1))
    assert (usage.analysed, usage.answered, usage.at, usage.complete_until) == (1, 0, "", "")


def test_a_missing_member_is_an_error():
    members = Usage("i1", STARTED_AT, "out-1").to_json()
    del members["analysed"]
    with pytest.raises(KeyError):
        Usage.from_json(members)


def test_requests_are_all_that_ended():
    usage = Usage("i1", STARTED_AT, "out-1", answered=1, refused=2, failed=4, abandoned=8)
    assert usage.requests == usage.to_json()["requests"] == 15
