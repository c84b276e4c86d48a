import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.keys import KeyRing, StoredKey, make_key

KEY, ENTRY = make_key()
OTHER_KEY, OTHER_ENTRY = make_key()
RING = KeyRing({"home": [ENTRY], "guests": [OTHER_ENTRY]})
SECRET = KEY.split("_", 2)[2]
NUMBERED = map(str, itertools.count())
"""Names of cases that have a key in them, which is another one in every run."""


def tenant_of(ring, authorization):
    found = ring.find(authorization)
    return found and found[0]


def test_a_key_finds_its_tenant_and_says_which_key_it_is():
    assert RING.find(f"Bearer {KEY}") == ("home", ENTRY.partition(":")[0])
    assert tenant_of(RING, f"Bearer {KEY}") == "home"
    assert tenant_of(RING, f"Bearer {OTHER_KEY}") == "guests"


def test_a_tenant_may_have_several_keys():
    ring = KeyRing({"home": [ENTRY, OTHER_ENTRY]})
    assert {tenant_of(ring, f"Bearer {key}") for key in (KEY, OTHER_KEY)} == {"home"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("space", [" ", "   "])
def test_the_scheme_s_case_and_the_spaces_after_it_do_not_matter(scheme, space):
    assert tenant_of(RING, f"{scheme}{space}{KEY} ") == "home"


def test_every_key_is_new():
    made = [make_key() for _ in range(50)]
    assert len({key for key, _ in made}) == len({entry for _, entry in made}) == 50
    assert all(StoredKey.parse(entry) for _, entry in made)


def test_the_secret_has_256_bits():
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", SECRET)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        " ",
        KEY,
        "Bearer",
        "Bearer ",
        f"Bearer{KEY}",
        f"Bearer\t{KEY}",
        f"Basic {KEY}",
        f"Token {KEY}",
        f"Bearer Bearer {KEY}",
        f"Bearer {KEY} {KEY}",
        f"Bearer {KEY},Bearer {KEY}",
        f'Bearer "{KEY}"',
        f"Bearer {KEY}x",
        f"Bearer {KEY[:-1]}",
        f"Bearer x{KEY}",
        f"Bearer {KEY.upper()}",
        f"Bearer {KEY.replace('nlpb_', 'nlpb-')}",
        f"Bearer {KEY}\x00",
        f"Bearer {KEY[:-1]}é",
        f"Bearer {KEY[:-1]}\udcff",
        f"Bearer {KEY[:5]}{'٣' * 12}{KEY[17:]}",
        f"Bearer {ENTRY}",
        f"Bearer nlpb_{ENTRY.replace(':', '_')}",
    ],
    ids=NUMBERED,
)
def test_what_is_no_key_has_no_tenant(authorization):
    assert tenant_of(RING, authorization) is None


@given(st.text())
def test_no_header_breaks_it(text):
    assert tenant_of(RING, text) is None
    assert tenant_of(RING, f"Bearer {text}") is None


def test_a_right_id_with_another_s_secret_has_no_tenant():
    key_id = KEY.split("_")[1]
    other_secret = OTHER_KEY.split("_", 2)[2]
    assert tenant_of(RING, f"Bearer nlpb_{key_id}_{other_secret}") is None


def test_an_unknown_id_has_no_tenant():
    assert tenant_of(RING, f"Bearer nlpb_{'0' * 12}_{SECRET}") is None


def test_the_same_secret_under_another_salt_has_another_hash():
    stored = StoredKey.parse(ENTRY)
    assert not StoredKey(stored.key_id, "0" * 16, stored.digest).matches(SECRET)


@pytest.mark.parametrize("shown", [ENTRY, repr(StoredKey.parse(ENTRY)), repr(RING), str(vars(RING))], ids=NUMBERED)
def test_the_secret_stands_nowhere_but_in_the_key(shown):
    assert SECRET not in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    "entry",
    ["", KEY, "a:b:c", ENTRY.upper(), f"{ENTRY} ", f"{ENTRY}\n", ENTRY.replace(":", "-"), ENTRY[:-1], f"{ENTRY}0"],
    ids=NUMBERED,
)
def test_what_is_no_stored_key_is_not_taken_for_one(entry):
    assert StoredKey.parse(entry) is None
