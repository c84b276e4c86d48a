"""What can be known to be wrong before anything of a recipe is done: hours may lie between a dump and its features."""

import difflib
import importlib
from collections.abc import Iterator, Mapping
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, DataType, StringType, StructType

from nlpbatch.errors import ConfigError
from nlpbatch.formats.names import format_of
from nlpbatch.recipe.dump import frame
from nlpbatch.recipe.settings import Recipe
from nlpbatch.recipe.stages import DUMP, Stages
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.listing import list_files

_PACKAGES: Final = {
    "sample": ("nlpbatch.recipe.sampled", "explore"),
    "profile": ("nlpbatch.recipe.report", "explore"),
    "features": ("nlpbatch.recipe.features", "explore"),
}


def check_early(spark: SparkSession, recipe: Recipe, stages: Stages, only: str | None) -> None:
    """Refuse a recipe that can't be done here, or doesn't fit its source.

    Args:
        spark: Session.
        recipe: What is to be done.
        stages: Its stages.
        only: The only stage to do; None for all.

    Raises:
        ConfigError: All that is wrong, a line for each fault.

    """
    wanted = [stage.name for stage in stages if only in (None, stage.name)]
    for name in wanted:
        _check_packages(name)
    if "sample" in wanted and recipe.sample is not None:
        from nlpbatch.recipe.sampled import options_of  # noqa: PLC0415  (an extra)

        options_of(recipe.sample, recipe.source)
    if {"profile", "analyze"} & set(wanted):
        stages.service()
    stages.check_places()
    schema = _schema(spark, recipe, stages)
    if schema is not None:
        faults = list(_faults(recipe, {field.name: field.dataType for field in schema}))
        if faults:
            raise ConfigError("\n".join(faults))


def _check_packages(stage: str) -> None:
    module, extra = _PACKAGES.get(stage, (None, None))
    try:
        if module is not None:
            importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{stage} needs {error.name}, which isn't here: install nlpbatch[{extra}] where the driver runs"
        ) from error


def _schema(spark: SparkSession, recipe: Recipe, stages: Stages) -> StructType | None:
    """Return the source's columns; None if only reading it all would tell."""
    source = recipe.source
    where = recipe.analyze.where if recipe.analyze is not None else None
    if source.files is None:
        df = spark.read.parquet(stages.base.within(DUMP)) if _is_dumped(stages) else frame(spark, str(source.query))
        Input("", "parquet", {}, df.schema, {}, is_file=False, where=where).check_where(spark)
        return df.schema
    kind = source.format or format_of(list_files(spark, source.files))
    if kind == "json":
        return None
    look = Input.look(spark, source.files, format_name=kind, reader=source.reader, ddl=None, where=where)
    return look.schema


def _is_dumped(stages: Stages) -> bool:
    (dump,) = (stage for stage in stages if stage.name == "dump")
    return dump.state() == "done"


def _faults(recipe: Recipe, types: Mapping[str, DataType]) -> Iterator[str]:
    for key, name in _named(recipe):
        if name not in types:
            near = difflib.get_close_matches(name, types, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(types)}"
            yield f"{key}: the source has no column {name!r}: {remedy}"
        elif key == "[analyze] columns" and not _is_text(types[name]):
            yield f"{key}: column {name!r} is {types[name].simpleString()}, not text: choose another"


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
