"""What a run reads: which files there are, with which columns, and the rows of any of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Final

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import DataType, StructType

from nlpbatch.errors import ConfigError, InternalError
from nlpbatch.formats.csv_faults import MAX_RECORD_LINES
from nlpbatch.formats.encodings import UTF_8, java_name, known_encoding
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.formats.names import format_of
from nlpbatch.older_python import Self
from nlpbatch.spark.older_spark import batch_limit
from nlpbatch.spark.runs.batches import OUTCOME
from nlpbatch.spark.runs.beginnings import BeginningReader
from nlpbatch.spark.runs.csv_headers import CsvHeader, CsvOptions, columns_of, positions, read_headers
from nlpbatch.spark.runs.formats import FORMATS, Format
from nlpbatch.spark.runs.layout import PARTITION
from nlpbatch.spark.runs.listing import EXACTLY, Listing, files_read
from nlpbatch.spark.runs.parquet_types import timestamp, with_numbers
from nlpbatch.spark.runs.schemas import SchemaFinder
from nlpbatch.spark.runs.source_log import plain_path
from nlpbatch.spark.schema import named
from nlpbatch.spark.storage import first_line

_JAVA_CHARSETS: Final = "spark.sql.legacy.javaCharsets"


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
        encoding: Of the characters of line formats.
        max_record_lines: Lines that a record of CSV may have.
        listing: How the files were found; None if there are none.
        faults: Why some of the files cannot be read, by path.
        headers: Of CSV files, by path; None if Spark itself reads them.
        nanos: Types that columns of nanoseconds get, by name.

    """

    path: str
    format: str
    reader: Mapping[str, str]
    schema: StructType
    files: Mapping[str, int]
    is_file: bool
    where: str | None = None
    encoding: str = UTF_8
    max_record_lines: int = MAX_RECORD_LINES
    listing: Listing | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, CsvHeader] | None = None
    nanos: Mapping[str, DataType] = field(default_factory=dict)

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
        encoding: str = UTF_8,
        max_record_lines: int = MAX_RECORD_LINES,
    ) -> Self:
        """List the files and find out their columns.

        Args:
            spark: Session to read with, now and later: settings that reading needs are set in it.
            path: File, directory or glob.
            format_name: One of `FORMATS`; None to infer it from the names.
            reader: Options of the reader that go before our own.
            ddl: The columns, such as "id bigint, review string"; None to find them in the files.
            where: Condition that rows have to meet; None for all.
            encoding: Of the characters of line formats, as `known_encoding` returns it.
            max_record_lines: Lines that a record of CSV may have; more are taken for a quote that isn't closed.

        Raises:
            ConfigError: There is nothing, or it can't be read, or the files don't agree, or the condition is none.

        """
        encoding, reader = _encoding(encoding, reader)
        spark.conf.set(_JAVA_CHARSETS, "true")  # else Spark knows no encoding but those of Unicode
        listing = Listing.find(spark, path)
        name = format_name or format_of(listing.files)
        finder = SchemaFinder(spark, path, listing, reader=reader, ddl=ddl, encoding=encoding)
        known = finder.find(name)
        _check_names(known.schema, name)
        found = cls(
            path,
            name,
            known.reader,
            known.schema,
            listing.files,
            listing.is_file,
            where,
            encoding=encoding,
            max_record_lines=max_record_lines,
            listing=listing,
            faults=known.faults,
            headers=known.headers,
            nanos=known.nanos,
        )
        found.check_where(spark)
        return found

    @property
    def kind(self) -> Format:
        """Return what is known of the format."""
        return FORMATS[self.format]

    def stream(self, spark: SparkSession, *, batch_bytes: int) -> DataFrame:
        """Return a stream that hands out the files in micro-batches of so many bytes; its rows are not to be read.

        Spark's stream takes the name of a file for a pattern when it reads the file. `read` doesn't.
        """
        reader = spark.readStream.format("text").option("recursiveFileLookup", "true")
        # Spark would pass over a file that is a week older than the newest it has seen.
        limit = batch_limit(spark, batch_bytes, self.files.values())
        reader = reader.options(**limit, maxFileAge="36500d")
        return reader.load(self._listed.stream_pattern())

    def including(self, spark: SparkSession, files: Iterable[str]) -> Self:
        """Return the input with what has to be known of files that were added after it was listed.

        Raises:
            ConfigError: One has a column that the others lack.

        """
        options = CsvOptions.of(self.reader, self.encoding)
        new = [file for file in files if file not in self.files]
        if self.headers is None or options is None or not new:
            return self
        headers, faults = read_headers(BeginningReader(spark), new, options)
        known = {name.lower() for name in self.schema.names}
        more = next((name for name in columns_of(headers.values()) if name.lower() not in known), None)
        if more is not None:
            raise ConfigError(
                f"a file that was added in the meantime has another column, {more!r}: start the job again"
            )
        return replace(self, headers={**self.headers, **headers}, faults={**self.faults, **faults})

    def read(self, spark: SparkSession, files: Iterable[str]) -> DataFrame:
        """Return the rows of some of the files, each file once.

        Raises:
            InternalError: Spark would read other files, or one of them twice.

        """
        groups = self._groups(files)
        if not groups:
            return spark.createDataFrame([], self.schema)
        df = reduce(DataFrame.union, (self._load(spark, key, paths) for key, paths in groups.items()))
        _check_files(df, [file for paths in groups.values() for file in paths])
        return self._matching(df)

    def check_where(self, spark: SparkSession) -> None:
        """Refuse a condition that can't be one of these columns.

        Raises:
            ConfigError: Saying why.

        """
        try:
            self._matching(spark.createDataFrame([], self.schema))
        except PySparkException as error:
            raise ConfigError(
                f"where {self.where!r} can't be used: {first_line(error)}: write a condition of SQL, such as "
                "'rating >= 9'"
            ) from error

    @property
    def _listed(self) -> Listing:
        assert self.listing is not None  # noqa: S101  (an input that is read was looked at)
        return self.listing

    def _groups(self, files: Iterable[str]) -> dict[tuple[str | None, CsvHeader | None], list[str]]:
        """Return files that are read alike: of one base directory, if there are partitions, and of one header."""
        groups: dict[tuple[str | None, CsvHeader | None], list[str]] = {}
        for file in files:
            header = None if self.headers is None else self.headers[file]
            if header is None or header.names:
                base = self._listed.base(file) if self._listed.partitions else None
                groups.setdefault((base, header), []).append(file)
        return groups

    def _load(self, spark: SparkSession, key: tuple[str | None, CsvHeader | None], files: list[str]) -> DataFrame:
        base, header = key
        reader = spark.read.format(self.format).options(**self.reader)
        if base is None:
            reader = reader.options(**EXACTLY)
        else:
            reader = reader.option("__globPaths__", "false").option("basePath", base)
        if header is not None:
            reader = reader.options(sep=header.separator, enforceSchema="true")
            return reader.schema(self._positions(header)).load(files).select(*self._by_name(header))
        df = reader.schema(with_numbers(self.schema, self.nanos)).load(files)
        return df.select(*self._converted()) if self.nanos or self._is_encoded_text else df

    def _positions(self, header: CsvHeader) -> StructType:
        """Return the schema that a CSV file is read with: its own columns by position, then those of all files."""
        types = {one.name.lower(): one.dataType for one in self.schema}
        shared = [one for one in self.schema if one.name == CORRUPT or one.name in self._listed.partitions]
        return positions([types.get(name.lower()) for name in header.names], shared)

    def _by_name(self, header: CsvHeader) -> Iterator[Column]:
        known = {name.lower(): f"c{position}" for position, name in enumerate(header.names)}
        for one in self.schema:
            if one.name == CORRUPT or one.name in self._listed.partitions:
                yield named(one.name)
            elif one.name.lower() in known:
                yield sf.col(known[one.name.lower()]).alias(one.name)
            else:
                yield sf.lit(None).cast(one.dataType).alias(one.name)

    @property
    def _is_encoded_text(self) -> bool:
        return self.format == "text" and self.encoding != UTF_8

    def _converted(self) -> Iterator[Column]:
        for one in self.schema:
            if one.name in self.nanos:
                yield timestamp(named(one.name), one.dataType).alias(one.name)
            elif self._is_encoded_text and one.name == "value":
                yield sf.decode(sf.col("value").cast("binary"), java_name(self.encoding)).alias("value")
            else:
                yield named(one.name)

    def _matching(self, df: DataFrame) -> DataFrame:
        if self.where is None:
            return df
        if CORRUPT not in df.columns:
            return df.where(self.where)
        # whether a line that can't be parsed would meet the condition is unknown, so it is kept
        return df.where(sf.coalesce(sf.expr(self.where), sf.lit(False)) | sf.col(CORRUPT).isNotNull())


def _encoding(given: str, reader: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the encoding, which Spark's readers know as an option of their own, too, and the other options."""
    rest = {name: value for name, value in reader.items() if name.lower() not in {"encoding", "charset"}}
    named_there = [value for name, value in reader.items() if name not in rest]
    return (known_encoding(named_there[0]) if named_there and given == UTF_8 else given), rest


def _check_names(schema: StructType, format_name: str) -> None:
    """Refuse columns whose names the output or Spark itself uses; Spark ignores case.

    Raises:
        ConfigError: Naming the column, with the remedy.

    """
    reserved = {
        PARTITION: "which is what the output is partitioned by",
        OUTCOME: "which parts rows from dead letters while they are written",
    }
    if not FORMATS[format_name].lenient:
        reserved[CORRUPT] = "which is where Spark keeps lines that can't be parsed"
    for name in schema.names:
        if name.lower() in reserved:
            raise ConfigError(f"the input has a column {name!r}, {reserved[name.lower()]}: rename it")
    counts = Counter(name.lower() for name in schema.names)
    twice = [name for name in schema.names if counts[name.lower()] > 1]
    if twice:
        raise ConfigError(f"columns {twice[0]!r} and {twice[1]!r} differ in case only, or not at all: rename one")


def _check_files(df: DataFrame, files: list[str]) -> None:
    """Compare the files that Spark is going to read with those that it should."""
    found = Counter(plain_path(uri) for uri in files_read(df))
    if found != Counter(files):
        odd = next(iter((found - Counter(files)) or (Counter(files) - found)))
        raise InternalError(
            f"Spark would read {found.total():,} files instead of {len(files):,}; {odd} is one too many or missing: "
            "nothing was written"
        )
