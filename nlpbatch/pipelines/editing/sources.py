"""What recipes read: some rows of files, to look at before anything runs, and checks of columns against them.

The columns of Parquet are known from then on, and the recipe's own check says which of those that it names are missing.
What columns JSON has, Spark says only when it has read it all; and a query is for Spark to answer: the trial says that.
"""

from dataclasses import astuple
from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.preview import ROWS, show_rows
from nlpbatch.recipe.faults import Fault
from nlpbatch.recipe.recipe_file import KEYS, Recipe
from nlpbatch.recipe.settings import SampleSettings, SourceSettings

_MOST: Final = 100


class Sources:
    """The columns of files that were looked at, by the section that names them."""

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {}

    def look(self, recipe: Recipe) -> dict[str, Any]:
        """Return some rows of a recipe's source, drawn at random: `columns` and `rows` as `preview` has them.

        Raises:
            ConfigError: They can't be read, or the source is a query.

        """
        source = recipe.source
        if source.files is None:
            raise ConfigError("[source] is a query, which Spark runs: try the recipe on the sample to see rows of it")
        from nlpbatch.recipe.sampled import options_of  # noqa: PLC0415  (pyarrow and NumPy take a while)
        from nlpbatch.sampling import sample  # noqa: PLC0415
        from nlpbatch.sampling.design import UNIT, WEIGHT  # noqa: PLC0415
        from nlpbatch.sampling.lines import format_of  # noqa: PLC0415
        from nlpbatch.sampling.locations import Location  # noqa: PLC0415

        drawn = sample(source.files, options_of(SampleSettings(rows=ROWS), source))
        table = drawn.table.drop_columns([name for name in drawn.table.schema.names if name in {UNIT, WEIGHT}])
        if format_of(Location(source.files).files, source.format) == "parquet":
            if len(self._columns) >= _MOST:
                self._columns.clear()
            self._columns[_key(source)] = table.schema
        return show_rows(table)

    def faults(self, recipe: Recipe) -> list[Fault]:
        """Return what is wrong with the columns that a recipe names, as far as those of its source are known."""
        columns = self._columns.get(_key(recipe.source))
        if columns is None or recipe.join is not None:
            return []
        from pyspark.errors import PySparkException  # noqa: PLC0415
        from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415

        from nlpbatch.recipe.checks import column_faults  # noqa: PLC0415

        try:
            schema = from_arrow_schema(columns)
        except PySparkException:
            return []  # a type that Spark reads in a way of its own
        return [Fault.placed(line, KEYS) for line in column_faults(recipe, schema, schema)]


def _key(source: SourceSettings) -> str:
    return repr(astuple(source))
