"""Versions of an output beside each other: `tokens`, `tokens.v2`, `tokens.v3`."""

from collections.abc import Iterator

from pyspark.sql import SparkSession

from nlpbatch.spark.storage import Storage


def newest(spark: SparkSession, base: Storage) -> Storage:
    """Return the newest version there is; the first if there is none."""
    found = base
    for version in _versions(spark, base):
        if not version.exists():
            return found
        found = version
    raise AssertionError  # there are more numbers than directories


def next_version(spark: SparkSession, base: Storage) -> Storage:
    """Return the first version that isn't there yet."""
    return next(version for version in _versions(spark, base) if not version.exists())


def _versions(spark: SparkSession, base: Storage) -> Iterator[Storage]:
    yield base
    number = 2
    while True:
        yield Storage(spark, f"{base.url.rstrip('/')}.v{number}")
        number += 1
