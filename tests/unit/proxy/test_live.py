import pytest

from nlpbatch.errors import Unauthenticated
from proxy.key_records import IssuedKey, Revocation
from proxy.keys import StoredKey, make_key
from proxy.live import Live, Snapshot
from tests.fakes.proxy_parts import proxy_settings

KEY, ENTRY = make_key()
FILE_KEY, FILE_ENTRY = make_key()
KEY_ID, FILE_ID = ENTRY[:12], FILE_ENTRY[:12]


@pytest.fixture
def live():
    found = Live(Snapshot.of(proxy_settings({"a": {"keys": [FILE_ENTRY]}})), now_s=lambda: 5000.0)
    found.records.issued[KEY_ID] = IssuedKey(StoredKey.parse(ENTRY), "b", 1000.0)
    return found


def refusal(live, key):
    with pytest.raises(Unauthenticated) as raised:
        live.authenticate(f"Bearer {key}")
    return raised.value


def test_keys_of_the_file_and_issued_ones_find_their_tenants(live):
    assert live.authenticate(f"Bearer {FILE_KEY}") == ("a", FILE_ID)
    assert live.authenticate(f"Bearer {KEY}") == ("b", KEY_ID)


@pytest.mark.parametrize(("key", "key_id"), [(KEY, KEY_ID), (FILE_KEY, FILE_ID)], ids=["issued", "file"])
def test_a_caller_with_the_secret_learns_that_its_key_was_revoked(live, key, key_id):
    live.records.revoke(key_id, Revocation(4000.0))
    error = refusal(live, key)
    assert error.message == f"the key {key_id} was revoked at 1970-01-01T01:06:40Z: ask the operator for a new one"
    assert error.details == {"cause": "revoked"}


def test_a_caller_with_the_secret_learns_that_its_key_has_expired(live):
    live.records.issued[KEY_ID] = IssuedKey(StoredKey.parse(ENTRY), "b", 1000.0, 5000.0)
    assert "has expired at 1970-01-01T01:23:20Z" in refusal(live, KEY).message


def test_a_caller_without_the_secret_learns_nothing_about_a_key_that_ended(live):
    live.records.revoke(KEY_ID, Revocation(4000.0))
    guessed, unknown = f"nlpb_{KEY_ID}_{'x' * 43}", f"nlpb_{'0' * 12}_{'x' * 43}"
    assert refusal(live, guessed).message == refusal(live, unknown).message


def test_an_issued_key_of_a_tenant_that_is_not_configured_here_is_unknown(live):
    live.records.issued[KEY_ID] = IssuedKey(StoredKey.parse(ENTRY), "elsewhere", 1000.0)
    assert "no API key that this proxy knows" in refusal(live, KEY).message
