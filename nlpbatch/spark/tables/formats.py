"""The formats of tables, and what Spark has to be given for each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError

DEFAULT_CATALOG: Final = "spark_catalog"
"""Spark's name of the catalog that a name without one is looked up in."""


@dataclass(frozen=True, slots=True)
class TableFormat:
    """A format of tables.

    Args:
        name: As Spark calls it.
        title: As people call it.
        marker: A class that is there if its jar is.
        packages: What `--packages` needs, by the version of Spark.
        settings: What `--conf` needs, with `{catalog}` for the catalog's name.

    """

    name: str
    title: str
    marker: str
    packages: Mapping[str, str]
    settings: tuple[str, ...]

    def remedy(self, spark_version: str, catalog: str) -> str:
        """Return what spark-submit has to be given."""
        package = self.packages.get(spark_version)
        if package is None:
            return (
                f"there is no release of {self.title} for Spark {spark_version} yet: use Spark "
                f"{', '.join(self.packages)}"
            )
        settings = " ".join(f"--conf {one.format(catalog=catalog)}" for one in self.settings)
        return f"give spark-submit --packages {package} {settings}"


FORMATS: Final = {
    "delta": TableFormat(
        "delta",
        "Delta",
        "io.delta.sql.DeltaSparkSessionExtension",
        {
            "3.5": "io.delta:delta-spark_2.12:3.3.2",
            "4.0": "io.delta:delta-spark_2.13:4.0.0",
            "4.1": "io.delta:delta-spark_4.1_2.13:4.4.0",
            "4.2": "io.delta:delta-spark_4.2_2.13:4.4.0",
        },
        (
            "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension",
            f"spark.sql.catalog.{DEFAULT_CATALOG}=org.apache.spark.sql.delta.catalog.DeltaCatalog",
        ),
    ),
    "iceberg": TableFormat(
        "iceberg",
        "Iceberg",
        "org.apache.iceberg.spark.SparkCatalog",
        {
            "3.5": "org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.12.0",
            "4.0": "org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.11.0",
            "4.1": "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0",
        },
        (
            "spark.sql.catalog.{catalog}=org.apache.iceberg.spark.SparkCatalog",
            "spark.sql.catalog.{catalog}.type=hive|rest|hadoop",
        ),
    ),
}
"""All that are known, by name."""


def spark_version(spark: SparkSession) -> str:
    """Return Spark's version as artifacts name it, such as "4.1"."""
    found = re.match(r"\d+\.\d+", spark.version)
    return found.group() if found else str(spark.version)


def has_jar(spark: SparkSession, marker: str) -> bool:
    """Return whether Spark's JVM has a class."""
    jvm: Any = spark.sparkContext._jvm  # noqa: SLF001
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    return loader.getResource(f"{marker.replace('.', '/')}.class") is not None


def require_jar(spark: SparkSession, table_format: TableFormat, catalog: str) -> None:
    """Refuse to go on without the jar of a format.

    Raises:
        ConfigError: It isn't there; with the options of spark-submit that bring it.

    """
    if not has_jar(spark, table_format.marker):
        raise ConfigError(
            f"Spark has no {table_format.title} here: {table_format.remedy(spark_version(spark), catalog)}"
        )
