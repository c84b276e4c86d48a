"""Checks a recipe before anything is done, because hours may pass between a dump and its features."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, AtomicType, DataType, StringType, StructType

from nlpbatch.errors import ConfigError, RequestError
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.formats.names import format_of
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.settings import SourceSettings
from nlpbatch.recipe.stages import check_directories, stages_of
from nlpbatch.recipe.stages.dump import query_frame
from nlpbatch.recipe.stages.stage import DUMP, StageContext
from nlpbatch.spark.pinning import Pinned, pin
from nlpbatch.spark.runs.columns import RunAnalysis, text_columns
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.listing import list_files
from nlpbatch.spark.storage import first_line
from nlpbatch.suggestions import nearest
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.limits import SizeLimits

_UNPINNED: Final = Pinned(AnalyzerInfo("", "", "", "", {}, ()), SizeLimits())
_NOWHERE: Final = "http://localhost"
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
    schema = _schema(context)
    if schema is not None:
        faults = list(_faults(recipe, {field.name: field.dataType for field in schema}))
        if faults:
            raise ConfigError("\n".join(faults))
        _try_stages(context, wanted, schema)


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
    spark, recipe = context.spark, context.recipe
    source = recipe.source
    where = recipe.analyze.where if recipe.analyze is not None else None
    if source.files is None:
        df = (
            spark.read.parquet(context.base.within(DUMP))
            if _is_dumped(context)
            else query_frame(spark, str(source.query))
        )
        Input("", "parquet", {}, df.schema, {}, is_file=False, where=where).check_where(spark)
        return df.schema
    try:
        return _of_files(spark, source, where)
    except ConfigError as error:
        raise ConfigError(f"[source] {error.message} (in a recipe, --NAME is NAME in [source])") from error


def _of_files(spark: SparkSession, source: SourceSettings, where: str | None) -> StructType | None:
    path = str(source.files)
    kind = source.format or format_of(list_files(spark, path))
    if kind == "json":
        return None
    encoding = known_encoding(source.encoding)
    look = Input.look(spark, path, format_name=kind, reader=source.reader, ddl=None, where=where, encoding=encoding)
    return look.schema


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


def _is_dumped(context: StageContext) -> bool:
    (dump,) = (stage for stage in stages_of(context) if stage.name == DUMP)
    return dump.state() == "done"


def _faults(recipe: Recipe, types: Mapping[str, DataType]) -> Iterator[str]:
    for key, name in _named(recipe):
        if name not in types:
            yield f"{key}: the source has no column {name!r}: {nearest(name, types)}"
        elif key == "[analyze] columns" and not _is_text(types[name]):
            yield f"{key}: column {name!r} is {types[name].simpleString()}, not text: choose another"
        elif key == "[sink] partition_by" and not isinstance(types[name], AtomicType):
            kind = types[name].simpleString()
            yield f"{key}: column {name!r} is {kind}, which can't name a directory: choose another"


def _named(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield where the recipe names a column, and which."""
    for name in recipe.analyze.columns if recipe.analyze is not None else ():
        yield "[analyze] columns", name
    sections = {"sample": ("stratify",), "profile": ("label", "group", "date"), "features": ("id", "label")}
    for section, keys in sections.items():
        for key in keys:
            given = getattr(getattr(recipe, section), key, None)
            if given is not None:
                yield f"[{section}] {key}", given
    for name in recipe.sink.partition_by:
        yield "[sink] partition_by", name


def _is_text(kind: DataType) -> bool:
    return isinstance(kind.elementType if isinstance(kind, ArrayType) else kind, StringType)
