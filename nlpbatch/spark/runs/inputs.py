"""What a run reads: which files there are, with which columns, and how Spark is to read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import StringType, StructField, StructType

from nlpbatch.errors import ConfigError
from nlpbatch.formats.names import format_of
from nlpbatch.spark.runs.formats import CORRUPT, FORMATS, Format
from nlpbatch.spark.storage import Storage, first_line

_COMPARED_FILES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Input:
    """Files of one format and one schema.

    Args:
        path: File, directory or glob.
        format: One of `FORMATS`.
        reader: Options of Spark's reader.
        schema: The columns, partition directories among them.
        files: Bytes of all files there are now, by path.
        is_file: Whether the path names a single file.
        where: Condition that rows have to meet; None for all.

    """

    path: str
    format: str
    reader: Mapping[str, str]
    schema: StructType
    files: Mapping[str, int]
    is_file: bool
    where: str | None = None

    @classmethod
    def look(
        cls,
        spark: SparkSession,
        path: str,
        *,
        format_name: str | None,
        reader: Mapping[str, str],
        ddl: str | None,
        where: str | None = None,
    ) -> Self:
        """List the files and find out their columns.

        Args:
            spark: Session to read with.
            path: File, directory or glob.
            format_name: One of `FORMATS`; None to tell it from the names.
            reader: Options of the reader that go before our own.
            ddl: The columns, such as "id bigint, review string"; None to find them in the files.
            where: Condition that rows have to meet; None for all.

        Raises:
            ConfigError: There is nothing, or it can't be read, or the files don't agree, or the condition is none.

        """
        files = list_files(spark, path)
        if not files:
            raise ConfigError(f"input {path!r} holds no files: check the path given with --input")
        name = format_name or format_of(files)
        options = {**FORMATS[name].reader, **reader}
        try:
            schema = _schema(_reader(spark, name, options, ddl), path, FORMATS[name])
        except (PySparkException, Py4JJavaError) as error:
            odd = _odd_files(spark, name, files) if FORMATS[name].merged else ""
            raise ConfigError(
                f"input {path!r} can't be read as {name}: {odd or _reason(error)}: check --input and --format"
            ) from error
        is_file = list(files) == [Storage(spark, path).url]
        found = cls(path, name, options, schema, files, is_file, where)
        found.check_where(spark)
        return found

    @property
    def kind(self) -> Format:
        """Return what is known of the format."""
        return FORMATS[self.format]

    def stream(self, spark: SparkSession, *, batch_bytes: int) -> DataFrame:
        """Return a stream of the files, taken in micro-batches of so many bytes."""
        reader = spark.readStream.schema(self.schema).format(self.format).options(**self.reader)
        # Spark would pass over a file that is a week older than the newest it has seen.
        reader = reader.options(maxBytesPerTrigger=str(batch_bytes), maxFileAge="36500d")
        return self._chosen(reader.load(_as_glob(self.path) if self.is_file else self.path))

    def read(self, spark: SparkSession, files: list[str]) -> DataFrame:
        """Return the rows of some of the files."""
        reader = spark.read.schema(self.schema).format(self.format).options(**self.reader)
        if not self.is_file and not _is_glob(self.path):
            reader = reader.option("basePath", self.path)
        return self._chosen(reader.load([_escaped(file) for file in files]))

    def check_where(self, spark: SparkSession) -> None:
        """Refuse a condition that can't be one of these columns.

        Raises:
            ConfigError: Saying why.

        """
        try:
            self._chosen(spark.createDataFrame([], self.schema))
        except PySparkException as error:
            raise ConfigError(
                f"where {self.where!r} can't be used: {first_line(error)}: write a condition of SQL, such as "
                "'rating >= 9'"
            ) from error

    def _chosen(self, df: DataFrame) -> DataFrame:
        if self.where is None:
            return df
        if CORRUPT not in df.columns:
            return df.where(self.where)
        # of a line that can't be parsed nobody knows whether it would meet the condition: it isn't lost
        return df.where(sf.coalesce(sf.expr(self.where), sf.lit(False)) | sf.col(CORRUPT).isNotNull())


def list_files(spark: SparkSession, path: str) -> dict[str, int]:
    """Return the bytes of all files, by path; names that begin with _ or . are hidden, as everywhere in Spark."""
    try:
        # A reader of whole files, of which only names and sizes are asked: Spark lists large directories in parallel.
        found = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(path)
        table = found.select("path", "length").toArrow()
    except (PySparkException, Py4JJavaError) as error:
        raise ConfigError(
            f"input {path!r} can't be listed: {first_line(error)}: check the path given with --input"
        ) from error
    return dict(zip(table["path"].to_pylist(), table["length"].to_pylist(), strict=True))


def _reader(spark: SparkSession, name: str, options: Mapping[str, str], ddl: str | None) -> DataFrameReader:
    reader = spark.read.format(name).options(**options)
    if ddl is None:
        # A file that is damaged is told when its rows are read; here it would stop all others.
        return reader.options(mergeSchema="true", ignoreCorruptFiles="true") if FORMATS[name].merged else reader
    try:
        return reader.schema(ddl)
    except PySparkException as error:
        raise ConfigError(
            f"schema {ddl!r} can't be read: {first_line(error)}: write it as 'id bigint, review string'"
        ) from error


def _schema(reader: DataFrameReader, path: str, kind: Format) -> StructType:
    schema = reader.load(path).schema
    if kind.lenient and CORRUPT not in schema.names:
        return StructType([*schema.fields, StructField(CORRUPT, StringType())])
    return schema


def _reason(error: PySparkException | Py4JJavaError) -> str:
    if isinstance(error, PySparkException) and error.getCondition() == "UNABLE_TO_INFER_SCHEMA":
        return "no file is whole and of this format"
    return first_line(error)


def _odd_files(spark: SparkSession, name: str, files: Mapping[str, int]) -> str:
    """Return which files have a column in another type than the first file has it, in words; nothing if none has."""
    known: dict[str, tuple[str, str]] = {}
    for path in list(files)[:_COMPARED_FILES]:
        try:
            schema = spark.read.format(name).load(_escaped(path)).schema
        except (PySparkException, Py4JJavaError):
            continue  # a damaged file has no types to compare
        for field in schema:
            kind = field.dataType.simpleString()
            first_path, first_kind = known.setdefault(field.name, (path, kind))
            if kind != first_kind:
                return f"column {field.name!r} is {first_kind} in {first_path} and {kind} in {path}"
    return ""


def _is_glob(path: str) -> bool:
    return any(character in path for character in "*?[{")


def _escaped(path: str) -> str:
    """Return a path that Spark doesn't take for a glob."""
    return "".join(f"\\{character}" if character in "*?[]{}\\" else character for character in path)


def _as_glob(path: str) -> str:
    """Return a glob that matches one file: Spark's stream takes a plain path for a directory and fails on a file."""
    return f"{path[:-1]}[{path[-1]}]"
