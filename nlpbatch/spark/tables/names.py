"""The name of a table, as SQL has it: `catalog.schema.table`, or delta.`/path`."""

from dataclasses import dataclass, replace
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError
from nlpbatch.older_python import Self
from nlpbatch.spark.tables.formats import DEFAULT_CATALOG, FORMATS

_SEPARATOR: Final = "\x00"
_DEAD: Final = "_dead"
_CATALOG: Final = "spark.sql.catalog."


@dataclass(frozen=True, slots=True)
class TableName:
    """A table's name.

    Args:
        parts: The parts of the name, without quotes.
        catalog: The catalog that it is looked up in.

    """

    parts: tuple[str, ...]
    catalog: str

    @classmethod
    def parse(cls, spark: SparkSession, name: str) -> Self:
        """Return the parts of a name, and its catalog.

        Raises:
            ConfigError: It isn't a name.

        """
        parser: Any = spark._jsparkSession.sessionState().sqlParser()  # noqa: SLF001
        try:
            found = str(parser.parseMultipartIdentifier(name).mkString(_SEPARATOR)).split(_SEPARATOR)
        except (PySparkException, Py4JJavaError) as error:
            raise ConfigError(
                f"{name!r} is not the name of a table: write catalog.schema.table, and names with other characters "
                "than letters, digits and _ in backticks"
            ) from error
        parts = tuple(found)
        named = len(parts) > 1 and (
            parts[0] == DEFAULT_CATALOG or spark.conf.get(_CATALOG + parts[0], None) is not None
        )
        return cls(parts, parts[0] if named else str(spark.catalog.currentCatalog()))

    def __str__(self) -> str:
        """Return it as SQL has it."""
        return ".".join(part if _is_plain(part) else f"`{part.replace('`', '``')}`" for part in self.parts)

    @property
    def is_path(self) -> bool:
        """Return whether it names a directory and no table of a catalog, as delta.`/path`."""
        return len(self.parts) == 2 and self.parts[0].lower() in FORMATS and "/" in self.parts[1]  # noqa: PLR2004

    @property
    def dead(self) -> Self:
        """Return the name of the table beside it that has its dead letters."""
        return replace(self, parts=(*self.parts[:-1], f"{self.parts[-1].rstrip('/')}{_DEAD}"))

    def within(self, name: str) -> str:
        """Return the name of one of its metadata tables, as SQL has it."""
        return f"{self}.{name}"


def _is_plain(part: str) -> bool:
    return part.isascii() and part.isidentifier()
