"""clean: rows with clean texts, without those that are out of bounds and without duplicates.

    texts        clean texts, rows within the bounds                    one pass, without a shuffle
    distinct     the first row of those whose texts are equal           only to leave out duplicates
    cleaned      those that are no near duplicate of one that is kept   only to leave out near ones

Rows are counted where they are written, so that tasks that run again count nothing twice.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import reduce
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation, Window
from pyspark.sql import functions as sf
from pyspark.sql.types import AtomicType, LongType, StructField, StructType

from nlpbatch.errors import ConfigError
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.recipe.figures import joined_text
from nlpbatch.recipe.masking import MASKS
from nlpbatch.recipe.near_duplicates import ID, ORDER, near_duplicates
from nlpbatch.recipe.preparation_settings import CleanSettings
from nlpbatch.recipe.records import STAGING
from nlpbatch.recipe.source_rows import require_columns
from nlpbatch.recipe.stages.stage import PreparingStage
from nlpbatch.recipe.text_cleaner import CHANGES, PREFIX, TextCleaner, TextRules
from nlpbatch.spark.failure import failure
from nlpbatch.spark.schema import named
from nlpbatch.spark.storage import Storage

REASONS: Final = ("malformed", "too_short", "too_long", "other_language")
"""Why rows are left out, besides duplicates."""
_REASON: Final = f"{PREFIX}reason"
_RANK: Final = f"{PREFIX}rank"
_STAGED: Final = f"{STAGING}/cleaned"


class CleanStage(PreparingStage):
    """Writes rows with clean texts."""

    name = "clean"

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""
        given = {**asdict(self._settings), "columns": self._columns}
        if self._settings.duplicates != "near":
            del given["similarity"]
        if self._settings.duplicates == "keep":
            del given["first_by"]
        return {**given, **self.rows_from}

    def run(self) -> Mapping[str, Any]:
        """Write them; return how many there are, what was left out and why, and what was changed.

        Raises:
            ConfigError: Nothing is left.
            InternalError: Spark failed.

        """
        self._context.spark.sparkContext.setJobDescription("nlpbatch recipe: clean")
        self.storage.delete(_STAGED)
        try:
            figures = self._clean()
        except (PySparkException, Py4JJavaError) as error:
            raise failure(error) from error
        if not figures["rows"]:
            counted = ", ".join(f"{name} {count:,}" for name, count in figures.items() if count)
            raise ConfigError(f"[clean] no row is left ({counted}): ease length and hangul")
        made = self.put_in_place(f"{_STAGED}/cleaned", figures)
        self.storage.delete(_STAGED)
        return made

    def _clean(self) -> dict[str, int]:
        duplicates = self._settings.duplicates
        figures = self._write_texts("cleaned" if duplicates == "keep" else "texts")
        if duplicates != "keep":
            before = figures["rows"]
            figures["rows"] = self._write_distinct("cleaned" if duplicates == "exact" else "distinct")
            figures["duplicates"] = before - figures["rows"]
        if duplicates == "near":
            before = figures["rows"]
            figures["rows"] = self._write_unlike()
            figures["near_duplicates"] = before - figures["rows"]
        return figures

    def _write_texts(self, name: str) -> dict[str, int]:
        """Write the rows within the bounds, with clean texts; return what was counted."""
        df, first_by = self.rows(), self._settings.first_by
        require_columns(df, {"[clean] columns": self._columns, "[clean] first_by": [first_by] if first_by else []})
        df = self._with_clean_texts(df).withColumn(_REASON, self._reason(df))
        counts = Observation("clean")
        sums = [sf.coalesce(sf.sum(f"{PREFIX}{name}"), sf.lit(0)).alias(name) for name in CHANGES]
        left_out = [sf.count_if(sf.col(_REASON) == name).alias(name) for name in REASONS]
        kept = sf.count_if(sf.col(_REASON).isNull()).alias("rows")
        df = df.observe(counts, sf.count(sf.lit(1)).alias("read"), kept, *left_out, *sums)
        added = [_REASON, CORRUPT, *(f"{PREFIX}{name}" for name in CHANGES)]
        df.where(sf.col(_REASON).isNull()).drop(*added).write.parquet(self._staged(name))
        found = counts.get
        return {name: found[name] for name in ("rows", "read", *REASONS, *CHANGES)}

    def _with_clean_texts(self, df: DataFrame) -> DataFrame:
        """Return the rows with clean texts and counts of `CHANGES`."""
        rules = TextRules(self._settings.html, self._settings.control_characters, self._settings.mask)
        # by position: mapInArrow doesn't quote names, which may have dots
        meanwhile = {name: f"c{position}" for position, name in enumerate(df.columns)}
        counts = [StructField(f"{PREFIX}{name}", LongType()) for name in CHANGES]
        schema = StructType([*(StructField(meanwhile[one.name], one.dataType) for one in df.schema), *counts])
        cleaner = TextCleaner([meanwhile[name] for name in self._columns], rules)
        cleaned = df.toDF(*meanwhile.values()).mapInArrow(cleaner, schema)
        return cleaned.toDF(*df.columns, *(one.name for one in counts))

    def _write_distinct(self, name: str) -> int:
        """Write the first row of those whose texts are equal; return how many there are.

        Rows without any text are no duplicates of one another.
        """
        df = self._context.spark.read.parquet(self._staged("texts"))
        df = df.withColumn(ORDER, _order(df, self._settings.first_by, self._columns))
        texts = [named(column) for column in self._columns]
        no_text = reduce(Column.__and__, (text.isNull() for text in texts))
        alone = sf.when(no_text, sf.monotonically_increasing_id())
        first = Window.partitionBy(*texts, f"{PREFIX}alone").orderBy(ORDER)
        df = df.withColumn(f"{PREFIX}alone", alone).withColumn(_RANK, sf.row_number().over(first))
        df = df.where(sf.col(_RANK) == 1).drop(_RANK, f"{PREFIX}alone")
        df = df.drop(ORDER) if name == "cleaned" else df.withColumn(ID, sf.monotonically_increasing_id())
        return self._write(df, name)

    def _write_unlike(self) -> int:
        """Write the rows that are no near duplicates of kept ones; return how many there are."""
        context = self._context
        df = context.spark.read.parquet(self._staged("distinct"))
        staging = Storage(context.spark, self._staged("near"))
        dropped = near_duplicates(df, joined_text(df, self._columns), self._settings.similarity, staging)
        return self._write(df.join(dropped, ID, "left_anti").drop(ID, ORDER), "cleaned")

    def _write(self, df: DataFrame, name: str) -> int:
        counts = Observation(name)
        df.observe(counts, sf.count(sf.lit(1)).alias("rows")).write.parquet(self._staged(name))
        rows: int = counts.get["rows"]
        return rows

    def _reason(self, df: DataFrame) -> Column:
        """Return why a row is left out, of its clean texts; null if it isn't."""
        length, hangul = self._settings.length or {}, self._settings.hangul or {}
        text = joined_text(df, self._columns)
        size = sf.char_length(sf.trim(text))
        conditions = {
            "malformed": named(CORRUPT).isNotNull() if CORRUPT in df.columns else None,
            "too_short": size < length["min"] if "min" in length else None,
            "too_long": size > length["max"] if "max" in length else None,
            "other_language": _is_outside(text, hangul) if hangul else None,
        }
        reasons = [sf.when(condition, name) for name, condition in conditions.items() if condition is not None]
        return sf.coalesce(*reasons, sf.lit(None).cast("string"))

    def _staged(self, name: str) -> str:
        return self.storage.within(f"{_STAGED}/{name}")

    @property
    def _columns(self) -> list[str]:
        return list(self._settings.columns or self._context.analysis.columns)

    @property
    def _settings(self) -> CleanSettings:
        return self._context.recipe.clean or CleanSettings()


def _is_outside(text: Column, bounds: Mapping[str, float]) -> Column:
    """Return whether the share of Hangul among the letters is out of bounds; it is 0 without letters.

    Letters of masks don't count.
    """
    masks = "|".join(mask.replace("[", r"\[") for mask in MASKS.values())
    letters = sf.regexp_replace(sf.regexp_replace(text, masks, ""), r"\P{L}+", "")
    hangul = sf.char_length(sf.regexp_replace(letters, r"\P{IsHangul}+", ""))
    share = sf.coalesce(sf.try_divide(hangul, sf.char_length(letters)), sf.lit(0.0))
    return (share < bounds.get("min", 0.0)) | (share > bounds.get("max", 1.0))


def _order(df: DataFrame, first_by: str | None, texts: list[str]) -> Column:
    """Return what duplicates are ordered by: a column, null last, then a hash of the row, the same in every run."""
    plain = [named(one.name) for one in df.schema if isinstance(one.dataType, AtomicType) or one.name in texts]
    by = [] if first_by is None else [named(first_by).isNull().alias("is_null"), named(first_by).alias("value")]
    return sf.struct(*by, sf.xxhash64(*plain).alias("hash"))
