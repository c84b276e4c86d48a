"""What is wrong between the values of a recipe that are right one by one."""

import posixpath
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from nlpbatch.errors import RequestError
from nlpbatch.recipe.preparation_settings import CleanSettings, ExpectSettings, JoinSettings
from nlpbatch.recipe.settings import (
    UNITS,
    AnalyzeSettings,
    FeatureSettings,
    ProfileSettings,
    SinkSettings,
    SourceSettings,
    TableSettings,
)

FEATURE_COLUMNS: Final = ("split", "terms", "weighted", "sequence")
"""Columns that features add."""


def inconsistencies(sections: Mapping[str, Any]) -> list[str]:
    """Return what is wrong between the sections and options of a recipe, with the remedies."""
    source, sink = sections.get("source", SourceSettings()), sections.get("sink", SinkSettings())
    faults = _source_faults(source, sink)
    analyze, features = sections.get("analyze"), sections.get("features")
    if analyze is not None:
        faults += _analyze_faults(analyze)
    if "profile" in sections:
        faults += _profile_faults(sections["profile"], analyze, is_sampled="sample" in sections)
    if "join" in sections:
        faults += _join_faults(sections["join"], sink)
    if "clean" in sections:
        faults += _clean_faults(sections["clean"], analyze)
    if "expect" in sections:
        faults += _expect_faults(sections["expect"], analyze, sections.get("clean"))
    if features is not None:
        faults += [*_feature_faults(features, analyze), *_name_faults(features, sink)]
    if sink.table is None and (sink.table_format is not None or sink.evolve_schema):
        faults.append("[sink] table_format and evolve_schema are of a table: name it with table, or leave them out")
    if sink.table is not None:
        faults += _sink_table_faults(analyze, features)
    if "alerts" in sections:
        faults += sections["alerts"].faults(sink.path)
    return faults


def _source_faults(source: SourceSettings, sink: SinkSettings) -> list[str]:
    faults = [*source.faults("source"), *_cycle(source, "source", sink)]
    if not sink.path:
        faults.append("[sink] path is missing: name the directory that everything goes to")
    if (source.metastore or "").startswith("thrift://") and source.warehouse:
        faults.append("[source] warehouse is where a metastore of our own keeps its tables: a remote one has its own")
    return faults


def _sink_table_faults(analyze: AnalyzeSettings | None, features: FeatureSettings | None) -> list[str]:
    if analyze is None:
        return ["[sink] table gets the analysed rows: add [analyze]"]
    if features is not None:
        return ["[features] are made of files, and [sink] table has the rows in their place: leave one of the two out"]
    return []


def _profile_faults(profile: ProfileSettings, analyze: AnalyzeSettings | None, *, is_sampled: bool) -> list[str]:
    faults = [] if is_sampled else ["[profile] reports on a sample: add [sample]"]
    if analyze is None:
        faults.append("[profile] needs to know which columns are text: add [analyze] with columns")
    elif analyze.operation == "call" and profile.tokens:
        faults.append(
            f"[profile] counts tokens, which analyzer {analyze.analyzer!r} of [analyze] operation 'call' doesn't give: "
            "set [profile] tokens = 0"
        )
    return faults


def _analyze_faults(analyze: AnalyzeSettings) -> list[str]:
    faults = [] if analyze.columns else ['[analyze] columns is missing: name the text columns: ["review"]']
    if analyze.fields is not None and analyze.operation != "analyze":
        return [
            *faults,
            f"[analyze] fields choose parts of tokens, and {analyze.operation!r} returns no tokens: leave them out",
        ]
    try:
        analyze.job_options(input="", output="", service="").asked()
    except RequestError as error:
        faults.append(f"[analyze] {error.message}")
    named = [name for name in ("analyzer", "fields", "tags") if name in analyze.options]
    return [
        *faults,
        *(f"[analyze] options.{name} is a key of its own: write {name} = … in [analyze]" for name in named),
    ]


def _cycle(table: TableSettings, section: str, sink: SinkSettings) -> list[str]:
    """Return what is wrong if a recipe reads what it writes: what its stages are made of would go in a circle."""
    if not (table.files and sink.path):
        return []
    files, output = posixpath.normpath(table.files).split("/"), posixpath.normpath(sink.path).split("/")
    remedy = "a stage would read what the recipe writes: name other files, or another [sink] path"
    if files[: len(output)] == output:
        return [f"[{section}] files = {table.files!r} is within [sink] path {sink.path!r}: {remedy}"]
    # What is below a directory is read, too; so is what is below one that a pattern finds.
    is_here = "://" not in sink.path and output[0] not in {"", ".."}
    if (files == ["."] and is_here) or _finds(files, output[: len(files)]):
        return [f"[{section}] files = {table.files!r} has [sink] path {sink.path!r} below it: {remedy}"]
    return []


def _finds(pattern: list[str], path: list[str]) -> bool:
    return len(pattern) == len(path) and all(map(fnmatchcase, path, pattern))


def _join_faults(join: JoinSettings, sink: SinkSettings) -> list[str]:
    faults = [*join.faults("join"), *_cycle(join, "join", sink)]
    if not join.on:
        faults.append('[join] on is missing: name the columns that both have: on = ["movie_id"]')
    theirs = [*join.on.values(), *(join.columns or ())]
    twice = next((name for name in theirs if theirs.count(name) > 1), None)
    if twice is not None:
        faults.append(f"[join] column {twice!r} of the joined table is named twice: leave one out")
    return faults


def _clean_faults(clean: CleanSettings, analyze: AnalyzeSettings | None) -> list[str]:
    faults = []
    if not clean.columns and analyze is None:
        faults.append("[clean] columns is missing: name the text columns, or add [analyze] with columns")
    if clean.duplicates != "near" and clean.similarity != CleanSettings().similarity:
        faults.append('[clean] similarity is of near duplicates: add duplicates = "near", or leave it out')
    if clean.duplicates == "keep" and clean.first_by is not None:
        faults.append('[clean] first_by chooses one of duplicates, which duplicates = "keep" keeps: leave it out')
    return faults


def _expect_faults(expect: ExpectSettings, analyze: AnalyzeSettings | None, clean: CleanSettings | None) -> list[str]:
    faults = []
    texts = {*(analyze.columns if analyze is not None else ()), *(clean.columns if clean is not None else ())}
    if expect.label in texts:
        faults.append(
            f"[expect] label is {expect.label!r}, a column of texts, which no record may hold: name one of labels"
        )
    if not expect.of_rows and expect.error_ratio is None:
        faults.append("[expect] expects nothing: give rows, null_share, label_shares, drift or error_ratio")
    if expect.label is None and (expect.label_shares or "labels" in expect.drift):
        faults.append("[expect] label is missing: name the column of the labels")
    if analyze is None and expect.error_ratio is not None:
        faults.append("[expect] error_ratio is of an analysis: add [analyze]")
    if analyze is None and "length" in expect.drift:
        faults.append("[expect] drift.length is of the texts: add [analyze] with columns")
    return faults


def _name_faults(features: FeatureSettings, sink: SinkSettings) -> list[str]:
    named = {"[features] id": features.id, "[features] label": features.label}
    named |= {f"[sink] partition_by, item {number}": name for number, name in enumerate(sink.partition_by, 1)}
    return [
        f"{key} is {name!r}, which is what a column of the features is called: rename it in [source]"
        for key, name in named.items()
        if name in FEATURE_COLUMNS
    ]


def _feature_faults(features: FeatureSettings, analyze: AnalyzeSettings | None) -> list[str]:
    if analyze is None:
        return ["[features] is made of tokens: add [analyze]"]
    if analyze.operation != "analyze":
        return [f"[features] is made of tokens, which [analyze] operation {analyze.operation!r} doesn't give"]
    if analyze.options.get("top_n", 1) != 1:
        return ["[features] is made of tokens, [analyze] options top_n gives candidates instead: leave it out"]
    needed = {UNITS[features.unit]} | ({"tag"} if features.unit == "nouns" else set())
    missing = sorted(needed - set(analyze.token_fields))
    if missing:
        return [f"[features] unit = {features.unit!r} needs the token field {missing[0]!r}: add it to [analyze] fields"]
    return []
