"""Recipes: what they say, and what is wrong with one, all at once."""

from pathlib import Path

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.recipe_file import Recipe

RECIPES = Path(__file__).parents[3] / "conf" / "recipes"
WHOLE = {
    "source": {"sql": "SELECT 1"},
    "sample": {"rows": 10},
    "profile": {"label": "rating"},
    "analyze": {"columns": ["review"]},
    "features": {"id": "review_id"},
    "sink": {"path": "/out"},
}


def with_(**sections):
    return {name: {**WHOLE.get(name, {}), **sections.get(name, {})} for name in dict.fromkeys((*WHOLE, *sections))}


def without(*names):
    return {name: members for name, members in WHOLE.items() if name not in names}


def test_a_whole_recipe_is_read_and_what_it_leaves_out_has_its_default():
    recipe = Recipe.check(WHOLE)
    assert recipe.source.query == "SELECT 1"
    assert recipe.features.split == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert recipe.analyze.token_fields == ("form", "tag", "lemma", "start", "end")


def test_the_service_of_a_recipe_may_have_several_addresses():
    recipe = Recipe.check(with_(analyze={"service": ["http://a:8700", "http://b:8700"]}))
    assert recipe.analyze.service == "http://a:8700,http://b:8700"


@pytest.mark.parametrize("on", ["a", ["a"], {"a": "a"}])
def test_keys_of_a_join_are_given_as_names_or_as_pairs(on):
    assert Recipe.check(with_(join={"on": on, "table": "t"})).join.on == {"a": "a"}


def test_a_table_is_dumped_whole():
    assert Recipe.check(with_(source={}) | {"source": {"table": "web.reviews"}}).source.query.endswith("web.reviews")


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.toml")), ids=lambda file: file.stem)
def test_the_shipped_recipes_are_valid(file):
    assert Recipe.load(file).features is not None


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (with_(sample={"row": 3}), r"\[sample\] has an unknown key 'row': did you mean rows\?"),
        (with_(anlyze={}), r"unknown section \[anlyze\]: did you mean analyze\?"),
        (with_() | {"sample": 3}, r"write \[sample\]"),
        (with_(source={"table": "t"}), "exactly one of sql, table and files"),
        (without("sink"), r"\[sink\] path is missing"),
        (without("sample"), r"\[profile\] reports on a sample: add \[sample\]"),
        (without("analyze", "features"), r"\[profile\] needs to know which columns are text"),
        (without("analyze", "profile"), r"\[features\] is made of tokens: add \[analyze\]"),
        (with_(analyze={"columns": []}), r"\[analyze\] columns is missing"),
        (with_(analyze={"fields": ["from"]}), "unknown token field 'from'"),
        (with_(analyze={"service": ["http://a", "b"]}), r"\[analyze\] the service address 2 of 2 is 'b'"),
        (with_(analyze={"tags": ["NOUN"]}), "choose from NNG"),
        (with_(analyze={"fields": ["form"]}), "needs the token field 'lemma'"),
        (with_(analyze={"options": {"fields": ["form"]}}), "options.fields is a key of its own"),
        (with_(analyze={"options": {"fields": ["bogus"]}}), "unknown token field 'bogus'"),
        (with_(features={"label": "split"}), r"\[features\] label is 'split', which is what a column of the features"),
        (with_(source={"sql": "SELECT 1", "reader": {"sep": ";"}}), "max_record_lines are for files"),
        (with_(analyze={"options": {"normalise_coda": True}}), "unknown member 'normalise_coda'"),
        (with_(analyze={"operation": "split"}), "one of analyze, sentences, space"),
        (with_(analyze={"operation": "sentences"}), "which .* 'sentences' doesn't give"),
        (with_(analyze={"options": {"top_n": 2}}), "leave it out"),
        (with_(features={"unit": "nouns"}, analyze={"fields": ["form"]}), "needs the token field 'tag'"),
        (with_(features={"ngrams": 9}), "a whole number from 1 to 5"),
        (with_(features={"min_documents": True}), "min_documents = True is not a whole number"),
        (with_(features={"split": {"train": 0.8, "test": 0.3}}), "add up to 1"),
        (with_(features={"split": {"dev": 1.0}}), "train, validation and test"),
        (with_(sink={"format": "csv"}), "one of parquet, orc, json"),
        (with_(source={"metastore": "thrift://m:9083", "warehouse": "/w"}), "a remote one has its own"),
        (with_(join={"on": 3, "table": "t"}), "on = 3 is not columns that both have, or pairs of them"),
        (with_(join={"on": {"a": 1}, "table": "t"}), "is not columns that both have, or pairs of them"),
        (with_(join={"on": "a", "table": "t", "unmatched": "null"}), "unmatched = 'null' is not one of keep, drop"),
        (with_(join={"on": "a"}), r"\[join\] needs exactly one of sql, table and files"),
        (with_(clean={"length": {"min": -1}}), r"length = .* is not a range of whole numbers"),
        (with_(clean={"length": {"min": 5, "max": 2}}), r"length = .* is not a range of whole numbers"),
        (with_(clean={"hangul": {"min": 50}}), r"hangul = .* is not a range of shares"),
        (with_(clean={"mask": ["phone", "fax"]}), "is not a list of email, resident, card, phone"),
        (with_(clean={"mask": ["phone", "phone"]}), "'phone' is named twice"),
        (with_(clean={"duplicates": "near", "similarity": 0.2}), "similarity = 0.2 is not a number from 0.5 to 1"),
        (with_(clean={"duplicates": "drop"}), "duplicates = 'drop' is not one of keep, exact, near"),
        (with_(clean={"html": "yes"}), "html = 'yes' is not true or false"),
        (with_(expect={"rows": {"min": 10, "max": 5}}), r"rows = .* is not a range of whole numbers"),
        (with_(expect={"rows": {}}), r"rows = {} is not a range of whole numbers"),
        (with_(expect={"rows": {"least": 5}}), r"\[expect\] rows = .* is not a range of whole numbers"),
        (with_(expect={"rows": {"min": True}}), r"\[expect\] rows = .* is not a range of whole numbers"),
        (with_(expect={"null_share": {"review": 2}}), r"null_share = .* is not shares from 0 to 1 by column"),
        (with_(expect={"label_shares": {"good": 0.5}}), r"label_shares = .* is not ranges of shares"),
        (with_(expect={"label_shares": {"good": {"min": 0.5, "max": 5}}}), r"is not ranges of shares"),
        (with_(expect={"drift": {"row": 0.5}}), "by what may drift, of rows, nulls, labels, length"),
        (with_(expect={"drift": {"rows": -0.5}}), "is not numbers from 0"),
        (with_(expect={"error_ratio": 3}), "error_ratio = 3 is not a number over 0 and up to 1"),
        (with_(expect={"rows": {"min": 1}, "on_breach": "fail"}), "on_breach = 'fail' is not one of stop, warn"),
    ],
)
def test_a_fault_is_named_with_its_key_and_its_remedy(members, message):
    with pytest.raises(ConfigError, match=message):
        Recipe.check(members)


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        Recipe.check(with_(sample={"rows": 0}, features={"unit": "words"}, sinc={}))
    assert len(caught.value.message.splitlines()) == 3


def test_a_file_that_cannot_be_read_as_toml_is_named(tmp_path):
    with pytest.raises(ConfigError, match="can't be read"):
        Recipe.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[source\n")
    with pytest.raises(ConfigError, match="not TOML"):
        Recipe.load(tmp_path / "bad.toml")
