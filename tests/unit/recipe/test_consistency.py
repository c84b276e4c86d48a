"""Values of a recipe that are right one by one, and wrong together."""

import pytest

from nlpbatch.recipe.consistency import FEATURE_COLUMNS, inconsistencies
from nlpbatch.recipe.preparation_settings import CleanSettings, ExpectSettings, JoinSettings
from nlpbatch.recipe.settings import (
    AnalyzeSettings,
    FeatureSettings,
    ProfileSettings,
    SampleSettings,
    SinkSettings,
    SourceSettings,
)

RIGHT = {
    "source": SourceSettings(sql="SELECT 1"),
    "sample": SampleSettings(),
    "profile": ProfileSettings(),
    "analyze": AnalyzeSettings(columns=("review",)),
    "features": FeatureSettings(),
    "sink": SinkSettings(path="/out"),
}
NO_MODEL = {"profile": None, "features": None}


def faults(**changes):
    return inconsistencies({name: given for name, given in (RIGHT | changes).items() if given is not None})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"profile": None, "features": None, "sample": None},
        {"source": SourceSettings(table="web.reviews", metastore="/here", warehouse="/there")},
        {"source": SourceSettings(sql="SELECT 1", metastore="thrift://m:9083")},
        {"source": SourceSettings(files="in.csv", format="csv", reader={"sep": ";"}, encoding="cp949")},
        {"features": FeatureSettings(unit="nouns"), "analyze": AnalyzeSettings(("a",), fields=("tag", "form"))},
        {"features": FeatureSettings(unit="forms"), "analyze": AnalyzeSettings(("a",), fields=("form",))},
        {"features": None, "analyze": AnalyzeSettings(("a",), operation="sentences")},
        {"join": JoinSettings(table="web.films", on={"movie_id": "id"}, columns=("title",))},
        {"join": JoinSettings(files="films.csv", on={"id": "id"}, encoding="cp949")},
        {"clean": CleanSettings()},
        {"clean": CleanSettings(("a",), duplicates="near", similarity=0.9, first_by="id"), "analyze": None, **NO_MODEL},
        {"expect": ExpectSettings(rows={"min": 1}, error_ratio=0.1)},
        {"expect": ExpectSettings(label="kind", label_shares={"a": {"max": 1}}, drift={"labels": 0.1, "length": 1})},
        {"expect": ExpectSettings(drift={"rows": 1}), "analyze": None, "profile": None, "features": None},
        {"features": None, "analyze": AnalyzeSettings(("a",), options={"top_n": 3})},
        {"features": None, "profile": ProfileSettings(tokens=0), "analyze": AnalyzeSettings(("a",), operation="call")},
    ],
)
def test_settings_that_go_together_have_no_faults(changes):
    assert faults(**changes) == []


@pytest.mark.parametrize("source", [SourceSettings(), SourceSettings(sql="SELECT 1", files="in.csv")])
def test_a_recipe_has_exactly_one_source(source):
    assert faults(source=source) == ["[source] needs exactly one of sql, table and files"]


@pytest.mark.parametrize(
    "reading", [{"format": "csv"}, {"reader": {"sep": ";"}}, {"encoding": "cp949"}, {"max_record_lines": 5}]
)
def test_settings_of_files_are_refused_beside_a_query(reading):
    (fault,) = faults(source=SourceSettings(sql="SELECT 1", **reading))
    assert fault.startswith("[source] format, reader, encoding and max_record_lines are for files")


@pytest.mark.parametrize("name", FEATURE_COLUMNS)
def test_columns_named_as_those_of_the_features_are_refused_wherever_they_are_given(name):
    found = faults(features=FeatureSettings(id=name, label=name), sink=SinkSettings("/out", partition_by=("a", name)))
    remedy = f"is {name!r}, which is what a column of the features is called: rename it in [source]"
    keys = ("[features] id", "[features] label", "[sink] partition_by, item 2")
    assert found == [f"{key} {remedy}" for key in keys]


@pytest.mark.parametrize(
    ("features", "analyze", "fault"),
    [
        (FeatureSettings(), None, "[features] is made of tokens: add [analyze]"),
        (FeatureSettings(), {"operation": "space"}, "[analyze] operation 'space' doesn't give"),
        (
            FeatureSettings(),
            {"options": {"top_n": 2}},
            "[analyze] options top_n gives candidates instead: leave it out",
        ),
        (FeatureSettings(), {"fields": ("form", "tag")}, "needs the token field 'lemma': add it to [analyze] fields"),
        (FeatureSettings(unit="nouns"), {"fields": ("form",)}, "needs the token field 'tag'"),
        (FeatureSettings(unit="nouns"), {"fields": ("tag",)}, "needs the token field 'form'"),
        (FeatureSettings(unit="forms"), {"fields": ("lemma",)}, "needs the token field 'form'"),
    ],
)
def test_features_need_the_tokens_that_they_are_made_of(features, analyze, fault):
    given = None if analyze is None else AnalyzeSettings(("review",), **analyze)
    (found,) = faults(features=features, analyze=given, profile=None)
    assert found.startswith("[features]")
    assert found.endswith(fault) or fault in found


@pytest.mark.parametrize("name", ["analyzer", "fields", "tags"])
def test_an_option_that_is_a_key_of_its_own_is_sent_there(name):
    options = {"analyzer": "default", "fields": ["form"], "tags": ["NNG"]}
    found = faults(features=None, analyze=AnalyzeSettings(("review",), options={name: options[name]}))
    assert found == [f"[analyze] options.{name} is a key of its own: write {name} = … in [analyze]"]


def test_fields_of_tokens_are_refused_for_an_operation_without_tokens():
    found = faults(features=None, analyze=AnalyzeSettings(("review",), operation="space", fields=("form",)))
    assert found == ["[analyze] fields choose parts of tokens, and 'space' returns no tokens: leave them out"]


def test_a_report_of_tokens_is_refused_where_own_operations_are_called():
    analyze = AnalyzeSettings(("review",), operation="call", analyzer="own", options={"operation": "size"})
    (found,) = faults(features=None, analyze=analyze)
    assert "analyzer 'own'" in found
    assert found.endswith("set [profile] tokens = 0")


def test_options_that_the_operation_does_not_have_are_refused():
    (found,) = faults(features=None, analyze=AnalyzeSettings(("review",), operation="space", options={"top_n": 2}))
    assert found.startswith("[analyze] unknown member 'top_n'")


def test_a_profile_names_all_that_it_lacks():
    assert faults(sample=None, analyze=None, features=None) == [
        "[profile] reports on a sample: add [sample]",
        "[profile] needs to know which columns are text: add [analyze] with columns",
    ]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "expects nothing: give rows, null_share, label_shares, drift or error_ratio"),
        ({"label_shares": {"a": {"min": 0.1}}}, "label is missing: name the column of the labels"),
        ({"drift": {"labels": 0.1}}, "label is missing: name the column of the labels"),
        ({"error_ratio": 0.1}, "error_ratio is of an analysis: add [analyze]"),
        ({"drift": {"length": 0.1}}, "drift.length is of the texts: add [analyze] with columns"),
    ],
)
def test_expectations_need_what_they_are_about(given, fault):
    assert faults(expect=ExpectSettings(**given), analyze=None, profile=None, features=None) == [f"[expect] {fault}"]


@pytest.mark.parametrize("texts", [{}, {"analyze": None, "clean": CleanSettings(columns=("review",))}])
def test_the_values_of_texts_are_counted_by_no_expectation(texts):
    given = {"expect": ExpectSettings(label="review", rows={"min": 1}), "profile": None, "features": None}
    (fault,) = faults(**given, **texts)
    assert fault.startswith("[expect] label is 'review', a column of texts, which no record may hold")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"on": {"id": "id"}}, "needs exactly one of sql, table and files"),
        ({"on": {"id": "id"}, "table": "a", "files": "b"}, "needs exactly one of sql, table and files"),
        ({"on": {"id": "id"}, "table": "a", "format": "csv"}, "format, reader, encoding and max_record_lines are for"),
        ({"table": "a"}, 'on is missing: name the columns that both have: on = ["movie_id"]'),
        ({"table": "a", "on": {"x": "id", "y": "id"}}, "column 'id' of the joined table is named twice"),
        ({"table": "a", "on": {"x": "id"}, "columns": ("id",)}, "column 'id' of the joined table is named twice"),
    ],
)
def test_a_join_needs_one_table_and_its_keys(given, fault):
    (found,) = faults(join=JoinSettings(**given))
    assert found.startswith(f"[join] {fault}")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "columns is missing: name the text columns, or add [analyze] with columns"),
        (
            {"columns": ("a",), "similarity": 0.9},
            'similarity is of near duplicates: add duplicates = "near", or leave it out',
        ),
        (
            {"columns": ("a",), "duplicates": "keep", "first_by": "id"},
            'first_by chooses one of duplicates, which duplicates = "keep" keeps: leave it out',
        ),
    ],
)
def test_what_cleans_needs_texts_and_duplicates_that_it_is_about(given, fault):
    assert faults(clean=CleanSettings(**given), analyze=None, **NO_MODEL) == [f"[clean] {fault}"]


def test_all_faults_are_found_at_once():
    found = inconsistencies({"analyze": AnalyzeSettings(), "features": FeatureSettings(label="split")})
    assert [fault.partition(" ")[0] for fault in found] == ["[source]", "[sink]", "[analyze]", "[features]"]


def test_a_table_as_sink_gets_analysed_rows_and_leaves_no_files_for_features():
    assert faults(sink=SinkSettings("/out", table="lake.web.tokens"), features=None) == []
    assert faults(sink=SinkSettings("/out", table="lake.web.tokens"), features=FeatureSettings()) == [
        "[features] are made of files, and [sink] table has the rows in their place: leave one of the two out"
    ]
    assert faults(sink=SinkSettings("/out", evolve_schema=True)) == [
        "[sink] table_format and evolve_schema are of a table: name it with table, or leave them out"
    ]
