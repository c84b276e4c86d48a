"""The schemas that Avro files are written with, read from their headers; and whether Spark can read Avro at all."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrameReader, SparkSession
from pyspark.sql.types import StructField

from nlpbatch.errors import ConfigError
from nlpbatch.spark.runs.beginnings import fault_of
from nlpbatch.spark.runs.listing import EXACTLY

_THREADS: Final = 8


def check_reader(spark: SparkSession) -> None:
    """Refuse to read Avro without Spark's module for it, which is no part of Spark.

    Raises:
        ConfigError: Naming the package.

    """
    try:
        spark.read.format("avro").schema("value string").load([])
    except PySparkException as error:
        jvm: Any = spark.sparkContext._jvm  # noqa: SLF001
        scala = ".".join(str(jvm.scala.util.Properties.versionNumberString()).split(".")[:2])
        package = f"org.apache.spark:spark-avro_{scala}:{spark.version}"
        raise ConfigError(f"this Spark has no reader for Avro: give spark-submit --packages {package}") from error


def merged(reader: DataFrameReader, schemas: Mapping[str, str]) -> list[StructField]:
    """Return the columns that files have together; what a file lacks is null in its rows.

    Args:
        reader: Reads Avro.
        schemas: Of the files, by path; one file of each schema is looked at.

    Raises:
        ValueError: A column has several types, or names that differ in case.

    """
    found: dict[str, tuple[StructField, str]] = {}
    looked_at = {schemas[file]: file for file in sorted(schemas, reverse=True)}
    for file in sorted(looked_at.values()):
        for one in reader.options(**EXACTLY).load(file).schema:
            known, first = found.setdefault(one.name.lower(), (one, file))
            if known.name != one.name:
                raise ValueError(f"columns {known.name!r} and {one.name!r} differ in case only: rename one")
            if known.dataType != one.dataType:
                mine, others = known.dataType.simpleString(), one.dataType.simpleString()
                raise ValueError(f"column {one.name!r} is {mine} in {first} and {others} in {file}")
    return [StructField(one.name, one.dataType) for one, _ in found.values()]


class AvroSchemas:
    """Reads the headers of Avro files on any file system that Spark reads.

    Args:
        spark: Session to read with.

    """

    def __init__(self, spark: SparkSession) -> None:
        context = spark.sparkContext
        jvm: Any = context._jvm  # noqa: SLF001
        self._settings: Any = context._jsc.hadoopConfiguration()  # noqa: SLF001
        # Each of these names is a call to the JVM: they are looked up once.
        self._path: Any = jvm.org.apache.hadoop.fs.Path
        self._stream: Any = jvm.org.apache.avro.file.DataFileStream
        self._datum: Any = jvm.org.apache.avro.generic.GenericDatumReader

    def read(self, files: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the schemas of files as JSON, and why others have none, both by path.

        Raises:
            ConfigError: The file system cannot be reached.

        """
        paths = list(files)
        schemas: dict[str, str] = {}
        faults: dict[str, str] = {}
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="nlpbatch-avro") as threads:
            for path, (schema, fault) in zip(paths, threads.map(self._read, paths), strict=True):
                if schema is not None:
                    schemas[path] = schema
                else:
                    faults[path] = fault
        return schemas, faults

    def _read(self, file: str) -> tuple[str | None, str]:
        path = self._path(file)
        try:
            opened = path.getFileSystem(self._settings).open(path)
            try:
                return str(self._stream(opened, self._datum()).getSchema().toString()), ""
            finally:
                opened.close()
        except Py4JJavaError as error:
            return None, fault_of(file, error)
