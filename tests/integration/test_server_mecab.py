"""MeCab-ko beside Kiwi in one service, over HTTP: its fields, its tags, its dictionary, and what it refuses."""

import json

import pyarrow as pa
import pytest
from mecab import MeCab
from playwright.sync_api import expect

from nlpbatch.wire.arrow import decode_answer
from nlpbatch.wire.fields import MECAB_FIELDS
from nlpbatch.wire.media import etag
from nlpbatch.wire.options import Options
from nlpbatch.wire.tags import TAGSETS
from tests.fakes.running_api import eventually, running_api

TEXT = "갔다가 아버지가 방에 들어가신다. 쀍쀍이와 밀크티라떼를 마셨다"
CONFIG = """
[pool]
workers = 2
[analyzers.default]
engine = "mecab"
[analyzers.own]
engine = "mecab"
dictionaries = ["words.tsv"]
"""
WORDS = "쀍쀍이\tNNP\n밀크티라떼\tNNG\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    found = tmp_path_factory.mktemp("mecab")
    (found / "words.tsv").write_text(WORDS, encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def mecab_api(directory):
    with running_api("kiwi", directory, CONFIG) as running:
        yield running


def outcome(answer):
    assert answer.status == 200, answer.data
    (found,) = answer.json()["outcomes"]
    assert found["error"] is None
    return found["tokens"]


def test_all_fields_are_mecabs_own_in_json_and_arrow(mecab_api):
    expected = [
        {
            "form": one.surface,
            "tag": one.pos,
            "start": one.span.start,
            "end": one.span.end,
            "len": one.span.end - one.span.start,
            **{name: value for name, value in one.feature._asdict().items() if name != "pos"},
        }
        for one in MeCab().parse(TEXT)
    ]
    fields = [name for name in MECAB_FIELDS if name != "oov"]
    assert outcome(mecab_api.ask({"texts": [TEXT], "fields": fields})) == expected
    answer = mecab_api.ask_arrow(pa.array([TEXT, None, ""]), f"?fields={','.join(MECAB_FIELDS)}")
    table = decode_answer(answer.data, documents=3, options=Options(fields=MECAB_FIELDS))
    whole, null, empty = table.column("tokens").to_pylist()
    assert [{name: token[name] for name in fields} for token in whole] == expected
    assert any(token["oov"] for token in whole)
    assert (null, empty) == (None, [])


def test_the_catalogue_says_what_it_offers(mecab_api):
    info = mecab_api.get("/v1/analyzers").json()["analyzers"][0]
    assert info["fields"] == list(MECAB_FIELDS)
    assert info["tagset"] == "mecab-ko"
    assert [one["name"] for one in info["operations"]] == ["analyze"]
    assert info["engine"].startswith("python-mecab-ko 1.3.")
    assert info["model"].startswith("mecab-ko-dic 2.1.")


def test_tokens_are_found_and_left_out_by_each_of_their_tags(mecab_api):
    tokens = outcome(mecab_api.ask({"texts": [TEXT]}))
    assert any("+" in token["tag"] for token in tokens)
    verbs = [token for token in tokens if "VV" in token["tag"].split("+")]
    assert outcome(mecab_api.ask({"texts": [TEXT], "tags": ["VV"]})) == verbs != []
    some = verbs[0]
    rest = [token for token in tokens if (token["form"], token["tag"]) != (some["form"], some["tag"])]
    assert outcome(mecab_api.ask({"texts": [TEXT], "stopwords": [f"{some['form']}/{some['tag']}"]})) == rest
    plain = [token for token in tokens if token["tag"] not in {"EC", "EF"}]
    assert outcome(mecab_api.ask({"texts": [TEXT], "stopwords": ["/EC", "/EF"]})) == plain


@pytest.mark.parametrize(
    ("path", "members", "code", "wanted"),
    [
        ("/v1/analyze", {"fields": ["lemma"]}, "unknown_field", "has no token field 'lemma': choose from form"),
        ("/v1/analyze", {"tags": ["VV-R"]}, "invalid_option", "tags has 'VV-R'"),
        ("/v1/analyze", {"stopwords": True}, "invalid_option", "stopwords: true is Kiwi's"),
        ("/v1/analyze", {"typos": "basic"}, "invalid_option", "typos is Kiwi's"),
        ("/v1/analyze", {"sentences": True}, "invalid_option", "sentences is Kiwi's"),
        ("/v1/analyze", {"top_n": 2}, "invalid_option", "top_n is Kiwi's"),
        ("/v1/analyze", {"pretokenized": [[[0, 1]]]}, "invalid_option", "pretokenized is Kiwi's"),
        ("/v1/sentences", {}, "unknown_operation", "doesn't offer sentences: choose from analyze"),
        ("/v1/space", {}, "unknown_operation", "doesn't offer space"),
    ],
)
def test_what_it_has_not_is_refused_with_the_reason(mecab_api, path, members, code, wanted):
    body = json.dumps({"texts": [TEXT]} | members)
    answer = mecab_api.http.request("POST", mecab_api.url + path, body=body)
    assert answer.status in {400, 404, 422}
    assert answer.json()["code"] == code
    assert wanted in answer.json()["detail"]
    assert TEXT not in answer.json()["detail"]


def test_spans_that_are_null_ask_for_nothing(mecab_api):
    assert outcome(mecab_api.ask({"texts": [TEXT], "pretokenized": [None]}))


def test_spans_are_places_in_the_text_as_it_was_sent(mecab_api):
    sent = "\ufeff가\u200b나 " + "갔다.\n" * 2000 + "\u1100\u1161\u11a8"
    tokens = outcome(mecab_api.ask({"texts": [sent]}))
    assert [token["form"] for token in tokens[-3:]] == ["다", ".", "각"]
    assert (tokens[-1]["start"], tokens[-1]["end"]) == (len(sent) - 3, len(sent))
    assert all(sent[token["start"] : token["end"]] == token["form"] for token in tokens[3:-1])


@pytest.mark.parametrize(
    "text", ["\0", "가\0나", "\x01\x1f\x7f", " \t\r\n", "\u3000\u00a0", "👨\u200d👩\u200d👧👍🏽🇰🇷", "\U0010ffff"]
)
def test_odd_texts_cost_no_worker(mecab_api, text):
    tokens = outcome(mecab_api.ask({"texts": [text]}))
    assert "".join(token["form"] for token in tokens) == "".join(text.split(" ")).strip("\t\r\n")
    assert mecab_api.metric("nlpbatch_workers_lost_total") == 0


def test_a_lone_surrogate_costs_its_text_an_error_and_no_other(mecab_api):
    answer = mecab_api.ask(b'{"texts": ["\\ud83d x", "\xea\xb0\x80"]}')
    bad, good = answer.json()["outcomes"]
    assert bad["error"]["code"] == "invalid_text"
    assert good["tokens"]


def test_its_dictionary_counts_and_a_changed_one_takes_over(mecab_api, directory):
    def words():
        return {(token["form"], token["tag"]) for token in outcome(mecab_api.ask({"texts": [TEXT], "analyzer": "own"}))}

    def fingerprint():
        return mecab_api.get("/v1/analyzers").json()["analyzers"][1]["fingerprint"]

    before, own = fingerprint(), {("쀍쀍이", "NNP"), ("밀크티라떼", "NNG")}
    assert own <= words()
    assert not own & {(one.surface, one.pos) for one in MeCab().parse(TEXT)}
    file = directory / "words.tsv"
    file.write_text("쀍쀍이\tNNP\n/a+/\tNNP\n가다\tVV-R\n", encoding="utf-8")
    eventually(lambda: mecab_api.metric("nlpbatch_dictionary_valid", analyzer="own") == 0)
    (refused,) = [event for event in mecab_api.events() if event["event"] == "dictionary not taken over"]
    faults = "\n".join(refused["faults"])
    assert "words.tsv:2: MeCab takes words only" in faults
    assert "words.tsv:3: there is no tag 'VV-R'" in faults
    assert own <= words()
    file.write_text("쀍쀍이\tNNP\n", encoding="utf-8")
    eventually(lambda: fingerprint() != before)
    assert words() & own == {("쀍쀍이", "NNP")}
    pinned = mecab_api.ask({"texts": [TEXT], "analyzer": "own"}, **{"If-Match": etag(before)})
    assert own <= {(token["form"], token["tag"]) for token in outcome(pinned)}


def test_the_legend_has_the_tags_of_each_set(mecab_api):
    meanings = mecab_api.get("/openapi.json").json()["components"]["schemas"]["Tag"]["x-meanings"]
    for name, tags in TAGSETS.items():
        assert {tag for tag, meaning in meanings.items() if name in meaning["tagsets"]} == set(tags)


def test_the_page_explains_tags_of_both_sets_and_those_that_are_joined(mecab_api, browser):
    page = browser.new_page()
    page.goto(f"{mecab_api.url}/docs")
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#tag-table li", has_text="NNBC")).to_contain_text("(mecab-ko)")
    expect(page.locator("#tag-table li", has_text="W_URL")).to_contain_text("(kiwi)")
    expect(page.locator("#tag-table li", has_text="일반 명사")).not_to_contain_text("(")
    page.fill("#text", "갔다")
    page.click("#send")
    token = page.locator(".token", has_text="VV+EP").first
    expect(token.locator(".korean")).to_have_text("동사 + 선어말 어미")
    expect(token.locator(".english")).to_have_text("verb + pre-final ending")
    assert "verb" in token.get_attribute("class")
    page.close()
