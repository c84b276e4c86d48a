import pytest

from nlpbatch.wire.usage import Usage


def test_what_is_written_is_read_and_new_members_are_passed_over():
    usage = Usage("i1", "2026-11-24T00:00:00.000+00:00", "out-1", analysed=3, replayed_bytes=7)
    assert Usage.from_json(usage.to_json() | {"cancelled": 1}) == usage


def test_a_missing_member_is_an_error():
    members = Usage("i1", "2026-11-24T00:00:00.000+00:00", "out-1").to_json()
    del members["analysed"]
    with pytest.raises(KeyError):
        Usage.from_json(members)
