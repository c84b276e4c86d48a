import pytest

from nlpbatch.errors import ConfigError, InvalidRequest, NotFound, ServiceUnreachable, Unauthenticated
from proxy.key_records import MAX_KEYS, Revocation
from proxy.keys import make_key
from proxy.live import Live, Snapshot
from proxy.operating.issuer import KeyIssuer
from proxy.operating.key_file import KeyFile
from tests.fakes.away_store import AwayCopy
from tests.fakes.proxy_parts import proxy_settings

FILE_KEY, FILE_ENTRY = make_key()
FILE_ID = FILE_ENTRY[:12]
NOW_S = 1_800_000_000.0


def new_live():
    return Live(Snapshot.of(proxy_settings({"a": {"keys": [FILE_ENTRY]}})), now_s=lambda: NOW_S)


@pytest.fixture
def live():
    return new_live()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


@pytest.fixture
def issuer(live, path):
    return KeyIssuer(live, None, KeyFile(path))


async def test_an_issued_key_is_valid_at_once_and_after_a_restart(issuer, live, path):
    key, listed = await issuer.create("a", NOW_S + 3600, "for the nightly job", "kim")
    assert live.authenticate(f"Bearer {key}") == ("a", listed["id"])
    assert (
        listed | {"state": "active", "source": "issued", "note": "for the nightly job", "created_by": "kim"} == listed
    )
    again = new_live()
    KeyFile(path).open(again.records)
    assert again.authenticate(f"Bearer {key}") == ("a", listed["id"])


@pytest.mark.parametrize("source", ["file", "issued"])
async def test_a_revoked_key_is_refused_at_once_and_after_a_restart(issuer, live, path, source):
    key, key_id = FILE_KEY, FILE_ID
    if source == "issued":
        key, listed = await issuer.create("a", None, "", "")
        key_id = listed["id"]
    revoked = await issuer.revoke(key_id, "lee")
    assert (revoked.changed, revoked.pending) == (True, False)
    assert (revoked.key["state"], revoked.key["source"], revoked.key["revoked_by"]) == ("revoked", source, "lee")
    again = new_live()
    KeyFile(path).open(again.records)
    for one in (live, again):
        with pytest.raises(Unauthenticated, match="was revoked"):
            one.authenticate(f"Bearer {key}")


async def test_revoking_twice_says_when_it_was_first(issuer, live):
    live.records.revoke(FILE_ID, Revocation(1000.0))
    revoked = await issuer.revoke(FILE_ID, "")
    assert (revoked.changed, revoked.key["revoked_at"]) == (False, "1970-01-01T00:16:40Z")


async def test_all_keys_are_listed_without_anything_secret(issuer):
    key, _ = await issuer.create("b", None, "", "")
    listed = issuer.listed()
    assert [one["tenant"] for one in listed] == ["a", "b", "c", "d", "b"]
    assert [one["source"] for one in issuer.listed("b")] == ["file", "issued"]
    assert key.split("_", 2)[2] not in str(listed)
    assert FILE_ENTRY[13:] not in str(listed)


@pytest.mark.parametrize(
    ("members", "error", "wanted"),
    [
        ({"tenant": "nobody"}, NotFound, "no tenant 'nobody': choose from a, b, c, d"),
        ({"expires_s": NOW_S}, InvalidRequest, "is over, it is 2027-01-15T08:00:00Z: give a time in the future"),
        ({"note": "x" * 201}, InvalidRequest, "the note has 201 characters: give at most 200"),
        ({"note": "a\nb"}, InvalidRequest, "on one line"),
        ({"note": f"was {FILE_KEY}"}, InvalidRequest, "the note has a key in it"),
    ],
)
async def test_what_can_t_be_issued_is_refused_with_the_remedy(issuer, live, members, error, wanted):
    given = {"tenant": "a", "expires_s": None, "note": "", "by": ""} | members
    with pytest.raises(error, match=wanted) as raised:
        await issuer.create(**given)
    assert live.records.issued == {}
    assert FILE_KEY not in raised.value.message


async def test_without_store_and_file_nothing_is_issued_but_a_key_can_be_revoked(live):
    issuer = KeyIssuer(live, None, None)
    with pytest.raises(InvalidRequest, match=r"set keys.file, or shared.url, .* or make one with nlpbatch proxy key"):
        await issuer.create("a", None, "", "")
    assert (await issuer.revoke(FILE_ID, "")).changed


async def test_an_unknown_id_is_not_found(issuer):
    with pytest.raises(NotFound, match="no key '000000000000'"):
        await issuer.revoke("0" * 12, "")


async def test_no_more_keys_are_issued_than_the_limit(issuer, live):
    _, listed = await issuer.create("a", None, "", "")
    one = live.records.issued[listed["id"]]
    live.records.issued |= {f"{number:012x}": one for number in range(MAX_KEYS)}
    with pytest.raises(InvalidRequest, match="10,000 issued keys, which is the limit"):
        await issuer.create("a", None, "", "")


async def test_a_key_that_can_t_be_saved_is_not_issued(live, tmp_path):
    issuer = KeyIssuer(live, None, KeyFile(tmp_path / "none" / "keys.json"))
    with pytest.raises(ConfigError, match="can't be written"):
        await issuer.create("a", None, "", "")
    assert live.records.issued == {}


async def test_while_the_store_is_away_nothing_is_issued_and_revocations_hold_here(live):
    issuer = KeyIssuer(live, AwayCopy(), None)
    with pytest.raises(ServiceUnreachable, match="the shared store is away: no key was issued"):
        await issuer.create("a", None, "", "")
    revoked = await issuer.revoke(FILE_ID, "")
    assert (revoked.changed, revoked.pending) == (True, True)
    with pytest.raises(Unauthenticated):
        live.authenticate(f"Bearer {FILE_KEY}")
