"""Checks a recipe before anything is done, because hours may pass between a dump and its features."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql.types import ArrayType, AtomicType, DataType, StringType, StructType

from nlpbatch.errors import ConfigError, RequestError
from nlpbatch.recipe.joining import check_unique, joined_schema
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.source_rows import is_json, look_at_files, query_frame, read_table
from nlpbatch.recipe.stages import check_directories, stages_of
from nlpbatch.recipe.stages.stage import DIRECTORIES, DUMP, StageContext
from nlpbatch.spark.pinning import Pinned, pin
from nlpbatch.spark.runs.columns import RunAnalysis, text_columns
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.storage import first_line
from nlpbatch.suggestions import nearest
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.limits import SizeLimits

_UNPINNED: Final = Pinned(AnalyzerInfo("", "", "", "", {}, ()), SizeLimits())
_NOWHERE: Final = "http://localhost"
_OF_SOURCE: Final = ("[sample]", "[profile]")
"""Sections that look at the source itself, before it is joined."""
_PACKAGES: Final = {
    "sample": ("nlpbatch.recipe.sampled", "explore"),
    "profile": ("nlpbatch.recipe.report", "explore"),
    "features": ("nlpbatch.recipe.feature_columns", "explore"),
}


def check_early(context: StageContext, only: str | None) -> None:
    """Refuse a recipe that can't be run here, or doesn't fit its source.

    Args:
        context: What is to be done.
        only: The only stage to run; None for all.

    Raises:
        ConfigError: All that is wrong, a line for each fault.

    """
    recipe, stages = context.recipe, stages_of(context)
    wanted = [stage.name for stage in stages if only in (None, stage.name)]
    for name in wanted:
        _check_packages(name)
    if "sample" in wanted and recipe.sample is not None:
        from nlpbatch.recipe.sampled import options_of  # noqa: PLC0415  (an extra)

        options_of(recipe.sample, recipe.source)
    if {"profile", "analyze"} & set(wanted):
        context.service()
    check_directories(stages)
    source = _schema(context)
    if source is not None:
        _check_columns(context, wanted, source)


def _check_columns(context: StageContext, wanted: Sequence[str], source: StructType) -> None:
    """Refuse names of columns that aren't there, or can't be used, when a stage gets to them."""
    recipe = context.recipe
    prepared = _prepared(context, source)
    if prepared is None:
        return
    if recipe.analyze is not None:
        Input("", "parquet", {}, prepared, {}, is_file=False, where=recipe.analyze.where).check_where(context.spark)
    faults = column_faults(recipe, source, prepared)
    if faults:
        raise ConfigError("\n".join(faults))
    _try_stages(context, wanted, prepared)


def column_faults(recipe: Recipe, source: StructType, prepared: StructType) -> list[str]:
    """Return what is wrong with the columns that a recipe names.

    Args:
        recipe: The recipe.
        source: Columns of its source.
        prepared: Columns of the rows that are analysed.

    """
    columns = _types(source), _types(prepared)
    return [*_faults(recipe, *columns), *_unseen(recipe, *columns)]


def _types(schema: StructType) -> dict[str, DataType]:
    return {field.name: field.dataType for field in schema}


def _prepared(context: StageContext, source: StructType) -> StructType | None:
    """Return the columns of the rows that are analysed; None if only reading all of the joined table would tell.

    Raises:
        ConfigError: The joined table doesn't fit.

    """
    spark, join = context.spark, context.recipe.join
    if join is None:
        return source
    if _is_done(context, "join"):
        return spark.read.parquet(context.sink.within(DIRECTORIES["join"])).schema
    if is_json(spark, join, "join"):
        return None
    other = read_table(spark, join, "join")
    schema = joined_schema(source, other.schema, join)
    if context.recipe.source.query is not None and not _is_done(context, DUMP):
        check_unique(other, join)  # the join does so, too, but a dump may take hours
    return schema


def _check_packages(stage: str) -> None:
    module, extra = _PACKAGES.get(stage, (None, None))
    try:
        if module is not None:
            importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{stage} needs {error.name}, which isn't here: install nlpbatch[{extra}] where the driver runs"
        ) from error


def _schema(context: StageContext) -> StructType | None:
    """Return the source's columns; None if only reading it all would tell."""
    spark, source = context.spark, context.recipe.source
    if source.query is not None and _is_done(context, DUMP):
        return spark.read.parquet(context.base.within(DUMP)).schema
    if source.query is not None:
        return query_frame(spark, source.query).schema
    return None if is_json(spark, source, "source") else look_at_files(spark, source, "source").schema


def _try_stages(context: StageContext, wanted: Sequence[str], schema: StructType) -> None:
    """Run analyze and features on the source's columns without a row.

    Raises:
        ConfigError: They would fail, with the reason.
        PatienceExhausted: The service, which alone knows what a call returns, is away.

    """
    spark, recipe = context.spark, context.recipe
    analyze, section = recipe.analyze, "[analyze]"
    if analyze is None:
        return
    call, pinned = analyze.job_options(input="", output="", service=_NOWHERE).call("check"), _UNPINNED
    texts = text_columns(schema, analyze.columns, call.asked)
    try:
        if call.asked.operation == "call":
            if "analyze" not in wanted:
                return
            pinned = pin(replace(call, service=context.service(), api_key=context.options.api_key))
        analysed = RunAnalysis(texts, call, pinned).apply(spark.createDataFrame([], schema), None)
        if recipe.features is not None:
            from nlpbatch.recipe.feature_columns import check_features  # noqa: PLC0415  (pyspark.ml needs numpy)

            section = "[features]"
            check_features(analysed, texts, recipe.features, recipe.sink)
    except RequestError as error:
        raise ConfigError(f"{section} {error.message}") from error
    except (PySparkException, Py4JError) as error:
        raise ConfigError(f"{section} can't be done with these columns: {first_line(error)}") from error


def _is_done(context: StageContext, name: str) -> bool:
    (stage,) = (stage for stage in stages_of(context) if stage.name == name)
    return stage.state() == "done"


def _faults(recipe: Recipe, source: Mapping[str, DataType], prepared: Mapping[str, DataType]) -> Iterator[str]:
    for key, name in _named(recipe):
        is_of_source = key.startswith(_OF_SOURCE)
        types = source if is_of_source else prepared
        if name not in types:
            what = "source has" if recipe.join is None or is_of_source else "source and the joined table have"
            yield f"{key}: the {what} no column {name!r}: {nearest(name, types)}"
        elif key in {"[analyze] columns", "[clean] columns"} and not _is_text(types[name]):
            yield f"{key}: column {name!r} is {types[name].simpleString()}, not text: choose another"
        elif key == "[clean] first_by" and not isinstance(types[name], AtomicType):
            yield f"{key}: column {name!r} is {types[name].simpleString()}, which has no order: choose another"
        elif key == "[sink] partition_by" and not isinstance(types[name], AtomicType):
            kind = types[name].simpleString()
            yield f"{key}: column {name!r} is {kind}, which can't name a directory: choose another"


def _unseen(recipe: Recipe, source: Mapping[str, DataType], prepared: Mapping[str, DataType]) -> Iterator[str]:
    """Yield text columns that a report of the source can't be about."""
    if recipe.profile is None or recipe.analyze is None:
        return
    for name in recipe.analyze.columns:
        if name in prepared and name not in source:
            yield (
                f"[profile] reports on the source, and {name!r} of [analyze] columns is of the joined table: join "
                "it in [source] sql, or leave [profile] out"
            )


def _named(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield where the recipe names a column, and which."""
    for name in recipe.analyze.columns if recipe.analyze is not None else ():
        yield "[analyze] columns", name
    sections = {
        "sample": ("stratify",),
        "profile": ("label", "group", "date"),
        "clean": ("first_by",),
        "expect": ("label",),
        "features": ("id", "label"),
    }
    for section, keys in sections.items():
        for key in keys:
            given = getattr(getattr(recipe, section), key, None)
            if given is not None:
                yield f"[{section}] {key}", given
    for name in recipe.clean.columns if recipe.clean is not None else ():
        yield "[clean] columns", name
    for name in recipe.expect.null_share if recipe.expect is not None else ():
        yield "[expect] null_share", name
    for name in recipe.sink.partition_by:
        yield "[sink] partition_by", name


def _is_text(kind: DataType) -> bool:
    return isinstance(kind.elementType if isinstance(kind, ArrayType) else kind, StringType)
