"""What is wrong between the values of a recipe that are right one by one."""

from collections.abc import Mapping
from typing import Any, Final

from nlpbatch.errors import RequestError
from nlpbatch.recipe.settings import UNITS, AnalyzeSettings, FeatureSettings, SinkSettings, SourceSettings

FEATURE_COLUMNS: Final = ("split", "terms", "weighted", "sequence")
"""Columns that features add."""


def inconsistencies(sections: Mapping[str, Any]) -> list[str]:
    """Return what is wrong between the sections and options of a recipe, with the remedies."""
    source, sink = sections.get("source", SourceSettings()), sections.get("sink", SinkSettings())
    faults = []
    if sum(value is not None for value in (source.sql, source.table, source.files)) != 1:
        faults.append("[source] needs exactly one of sql, table and files")
    if not sink.path:
        faults.append("[sink] path is missing: name the directory that everything goes to")
    if (source.metastore or "").startswith("thrift://") and source.warehouse:
        faults.append("[source] warehouse is where a metastore of our own keeps its tables: a remote one has its own")
    if source.files is None and source.reading() != SourceSettings().reading():
        faults.append("[source] format, reader, encoding and max_record_lines are for files: leave them out")
    analyze, features = sections.get("analyze"), sections.get("features")
    if analyze is not None:
        faults += _analyze_faults(analyze)
    if "profile" in sections and "sample" not in sections:
        faults.append("[profile] reports on a sample: add [sample]")
    if "profile" in sections and analyze is None:
        faults.append("[profile] needs to know which columns are text: add [analyze] with columns")
    if "profile" in sections and analyze is not None and analyze.operation == "call" and sections["profile"].tokens:
        faults.append(
            f"[profile] counts tokens, which analyzer {analyze.analyzer!r} of [analyze] operation 'call' doesn't give: "
            "set [profile] tokens = 0"
        )
    if features is not None:
        faults += [*_feature_faults(features, analyze), *_name_faults(features, sink)]
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
