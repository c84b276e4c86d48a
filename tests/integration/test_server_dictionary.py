"""Dictionaries with real Kiwi: their words count, a changed file takes over, the version before stays for a while."""

import json

import pytest

from nlpbatch.wire.media import etag
from tests.fakes.running_api import eventually, running_api

TEXT = "밀크티라떼 주문번호 AB-1234 쀍쀍이"
CONFIG = """
[pool]
workers = 1
[analyzers.default]
dictionaries = ["words.tsv"]
"""


@pytest.fixture
def words(tmp_path):
    file = tmp_path / "words.tsv"
    file.write_text("밀크티라떼\tNNP\n/[A-Z]{2}-\\d+/\tW_SERIAL\n", encoding="utf-8")
    return file


@pytest.fixture
def api(tmp_path, words):
    with running_api("kiwi", tmp_path, CONFIG) as running:
        yield running


def tokens(answer):
    assert answer.status == 200
    (outcome,) = answer.json()["outcomes"]
    return [(token["form"], token["tag"]) for token in outcome["tokens"]]


def fingerprint(api):
    return api.get("/v1/analyzers").json()["analyzers"][0]["fingerprint"]


def test_a_changed_dictionary_takes_over_and_the_version_before_stays_addressable(api, words):
    before = fingerprint(api)
    first = tokens(api.ask({"texts": [TEXT]}))
    assert ("밀크티라떼", "NNP") in first
    assert ("AB-1234", "W_SERIAL") in first
    assert ("쀍쀍이", "NNP") not in first

    words.write_text(
        words.read_text(encoding="utf-8") + "쀍쀍이\tNNP\n쀍쀍\t뽀개/VV + 었/EP + 다/EF\n", encoding="utf-8"
    )
    eventually(lambda: fingerprint(api) != before)
    assert ("쀍쀍이", "NNP") in tokens(api.ask({"texts": [TEXT]}))
    pinned = api.ask({"texts": [TEXT]}, **{"If-Match": etag(before)})
    assert tokens(pinned) == first
    assert pinned.headers["ETag"] == etag(before)
    assert sorted(api.get("/readyz").json()["fingerprints"]) == sorted([before, fingerprint(api)])
    assert api.ask({"texts": [TEXT]}, **{"If-Match": etag("0" * 32)}).status == 412


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("밀크티라떼\tNOUN\n", "words.tsv:1: there is no tag 'NOUN'"),
        ("사겼다\t없는말/VV + 다/EF\n", "words.tsv:1: Kiwi doesn't take it"),
        (None, "can't be read"),
    ],
)
def test_a_wrong_dictionary_changes_nothing_and_is_logged(api, words, content, wanted):
    before, first = fingerprint(api), tokens(api.ask({"texts": [TEXT]}))
    if content is None:
        words.unlink()
    else:
        words.write_text(content, encoding="utf-8")
    eventually(lambda: api.metric("nlpbatch_dictionary_valid") == 0)
    (refused,) = [event for event in api.events() if event["event"] == "dictionary not taken over"]
    assert wanted in json.dumps(refused["faults"], ensure_ascii=False)
    assert (fingerprint(api), tokens(api.ask({"texts": [TEXT]}))) == (before, first)
    words.write_text("밀크티라떼\tNNG\n", encoding="utf-8")
    eventually(lambda: api.metric("nlpbatch_dictionary_valid") == 1 and fingerprint(api) != before)
