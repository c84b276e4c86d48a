"""join: rows with the columns of a second table."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Observation
from pyspark.sql import functions as sf

from nlpbatch.errors import ConfigError
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.recipe.joining import MATCHED, check_unique, joined
from nlpbatch.recipe.preparation_settings import JoinSettings
from nlpbatch.recipe.records import STAGING
from nlpbatch.recipe.source_rows import contents_of, parsed, read_table
from nlpbatch.recipe.stages.stage import DIRECTORIES, PreparingStage
from nlpbatch.spark.failure import failure
from nlpbatch.spark.schema import named


class JoinStage(PreparingStage):
    """Writes the rows with what they get of the second table."""

    name = "join"

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now; what a table of a metastore holds isn't known."""
        join = self._settings
        how = {"on": dict(join.on), "columns": join.columns and list(join.columns), "unmatched": join.unmatched}
        joined_with = {"query": join.query} if join.files is None else {**join.origin(), "contents": self._other_files}
        return {**how, **{f"joined_{name}": value for name, value in joined_with.items()}, **self.rows_from}

    def run(self) -> Mapping[str, Any]:
        """Write them; return how many there are, and how many have no partner.

        Raises:
            ConfigError: The tables don't fit, keys aren't unique, or no row has a partner.

        """
        context, settings = self._context, self._settings
        context.spark.sparkContext.setJobDescription("nlpbatch recipe: join")
        other = read_table(context.spark, settings, self.name)
        keyless = check_unique(other, settings)
        found = joined(self.rows(), other, settings)
        counts = Observation("join")
        corrupt = named(CORRUPT).isNotNull() if CORRUPT in found.columns else sf.lit(False)
        observed = found.observe(
            counts,
            sf.count_if(~corrupt).alias("rows"),
            sf.count_if(~corrupt & sf.col(MATCHED).isNull()).alias("unmatched"),
            sf.count_if(corrupt).alias("malformed"),
        )
        kept = observed if settings.unmatched == "keep" else observed.where(MATCHED)
        staged = f"{STAGING}/{DIRECTORIES[self.name]}"
        self.storage.delete(staged)
        try:
            parsed(kept).drop(MATCHED).write.parquet(self.storage.within(staged))
            figures = dict(counts.get)
        except (PySparkException, Py4JJavaError) as error:
            raise failure(error) from error
        if figures["unmatched"] == figures["rows"]:
            self.storage.delete(staged)
            mine, theirs = ", ".join(settings.on), ", ".join(settings.on.values())
            raise ConfigError(
                f"[join] none of {figures['rows']:,} rows has a partner: compare the values of {mine} with those of "
                f"{theirs} in the joined table"
            )
        if settings.unmatched == "drop":
            figures["rows"] -= figures["unmatched"]
        return self.put_in_place(staged, {**figures, "without_key": keyless})

    @cached_property
    def _other_files(self) -> str:
        return contents_of(self._context.spark, str(self._settings.files), self.name)

    @property
    def _settings(self) -> JoinSettings:
        return self._context.recipe.join or JoinSettings()
