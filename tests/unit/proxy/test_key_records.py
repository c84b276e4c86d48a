import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.key_records import KEPT_S, IssuedKey, KeyRecords, Revocation, read_members
from proxy.keys import StoredKey, make_key

STORED = [StoredKey.parse(make_key()[1]) for _ in range(3)]
IDS = [stored.key_id for stored in STORED]


def issued(number=0, **changed):
    members = {"tenant": "home", "created_s": 1000.0} | changed
    return IssuedKey(STORED[number], **members)


def fields(*numbers, revoked=()):
    records = KeyRecords()
    for number in numbers:
        records.issued[IDS[number]] = issued(number)
    for number, at_s in revoked:
        records.revoke(IDS[number], Revocation(at_s))
    return records.to_fields()


CHANGES = [fields(0), fields(1), fields(2), fields(revoked=[(0, 5.0)]), fields(revoked=[(0, 3.0)]), fields(1, 2)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_copies_agree_in_whatever_order_they_learn(order):
    records, other = KeyRecords(), KeyRecords()
    for number in order:
        records.learn(CHANGES[number])
    for change in CHANGES[:4]:
        other.learn(change)
    assert records.to_fields() == other.to_fields()


@given(st.lists(st.sampled_from(CHANGES)))
def test_what_is_revoked_stays_revoked(changes):
    records = KeyRecords()
    records.learn(fields(revoked=[(0, 4.0)]))
    for change in changes:
        records.learn(change)
        assert records.ended(IDS[0], 10.0).cause == "revoked"


def test_of_several_revocations_the_first_counts():
    records = KeyRecords()
    for at_s in (5.0, 3.0, 4.0):
        records.revoke(IDS[0], Revocation(at_s))
    assert records.ended(IDS[0], 0.0).at_s == 3.0


def test_a_revocation_that_can_t_be_read_is_one_all_the_same():
    records = KeyRecords()
    assert records.learn({f"{IDS[0]}:revoked": None}) == (True, [])
    assert records.ended(IDS[0], 0.0).cause == "revoked"
    records.learn(fields(revoked=[(0, 3.0)]))
    assert records.ended(IDS[0], 0.0).at_s == 3.0


def test_a_key_ends_when_it_expires_and_not_before():
    records = KeyRecords()
    records.issued[IDS[0]] = issued(expires_s=2000.0)
    assert records.ended(IDS[0], 1999.9) is None
    assert records.ended(IDS[0], 2000.0).cause == "expired"
    assert records.ended(IDS[1], 9e9) is None


def test_learning_says_whether_anything_was_new():
    records = KeyRecords()
    assert records.learn(fields(0)) == (True, [])
    assert records.learn(fields(0)) == (False, [])


@pytest.mark.parametrize(
    "members",
    [
        None,
        5,
        [],
        {},
        issued(1).to_members(),
        issued().to_members() | {"entry": "nonsense"},
        issued().to_members() | {"tenant": 5},
        issued().to_members() | {"created": "today"},
        issued().to_members() | {"created": True},
        issued().to_members() | {"created": float("nan")},
        issued().to_members() | {"expires": 1e300},
        issued().to_members() | {"note": None},
    ],
)
def test_what_can_t_be_read_is_named_and_changes_nothing(members):
    records = KeyRecords()
    records.learn(fields(0))
    assert records.learn({IDS[0]: members, "nonsense": {}}) == (False, [IDS[0], "nonsense"])
    assert records.issued[IDS[0]] == issued()


def test_fields_pass_through_json_unchanged():
    records = KeyRecords()
    records.issued[IDS[0]] = issued(expires_s=5000.25, note="한국", by="kim")
    records.revoke(IDS[0], Revocation(1234.5, "lee"))
    texts = {name: json.dumps(members) for name, members in records.to_fields().items()}
    other = KeyRecords()
    other.learn(read_members(texts.items()))
    assert (other.issued, other.revoked) == (records.issued, records.revoked)


def test_texts_that_are_no_json_have_no_members():
    assert read_members([("a", b"\xff"), ("b", "{"), ("c", "1")]) == {"a": None, "b": None, "c": 1}


def test_a_key_that_ended_long_ago_is_forgotten_but_not_its_revocation():
    records = KeyRecords()
    records.issued = {IDS[0]: issued(0, expires_s=2000.0), IDS[1]: issued(1), IDS[2]: issued(2)}
    records.revoke(IDS[1], Revocation(3000.0))
    assert records.forget_old(2000.0 + KEPT_S) == []
    assert records.forget_old(3001.0 + KEPT_S) == IDS[:2]
    assert list(records.issued) == [IDS[2]]
    assert records.ended(IDS[1], 0.0).cause == "revoked"
