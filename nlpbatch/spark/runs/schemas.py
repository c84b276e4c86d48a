"""The columns of an input, found in its files; files that cannot be read are left out, with the reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrameReader, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import DataType, StringType, StructField, StructType

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import UTF_8, encoding_fault, is_of_lines, java_name
from nlpbatch.formats.json_shape import json_shape
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.spark.runs.avro_schemas import AvroSchemas, check_reader, merged
from nlpbatch.spark.runs.beginnings import Beginning, BeginningReader
from nlpbatch.spark.runs.csv_headers import CsvHeader, CsvOptions, columns_of, read_headers
from nlpbatch.spark.runs.ddl import schema_of
from nlpbatch.spark.runs.disagreements import disagreement
from nlpbatch.spark.runs.formats import FORMATS
from nlpbatch.spark.runs.listing import EXACTLY, Listing
from nlpbatch.spark.runs.parquet_types import (
    NANOS_AS_LONG,
    is_untyped,
    nanosecond_columns,
    unread_column,
    with_timestamps,
)
from nlpbatch.spark.runs.unreadable import unreadable_file
from nlpbatch.spark.storage import first_line

_JSON_REMEDY: Final = "write one object on each line (jq -c . FILE), or one array of all objects"


@dataclass(slots=True)
class FoundSchema:
    """What is known of an input's files.

    Args:
        schema: The columns, partition directories among them.
        reader: Options of Spark's reader, complete.
        faults: Why files cannot be read, by path.
        headers: Of CSV files, by path; None if Spark itself reads them.
        nanos: Types that columns of nanoseconds are to get.

    """

    schema: StructType
    reader: dict[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, CsvHeader] | None = None
    nanos: Mapping[str, DataType] = field(default_factory=dict)


class SchemaFinder:
    """Finds out the columns of files of one format.

    Args:
        spark: Session to read with.
        path: The input, as the caller gave it.
        listing: Its files.
        reader: Options of Spark's reader that the caller gave.
        ddl: The columns, such as "id bigint, review string"; None to find them in the files.
        encoding: Of the characters of line formats.

    """

    def __init__(
        self,
        spark: SparkSession,
        path: str,
        listing: Listing,
        *,
        reader: Mapping[str, str],
        ddl: str | None,
        encoding: str,
    ) -> None:
        self._spark = spark
        self._path = path
        self._listing = listing
        self._given = reader
        self._encoding = encoding
        self._ddl = None if ddl is None else schema_of(ddl)
        self._faults = dict(listing.faults)

    def find(self, name: str) -> FoundSchema:
        """Return what is known of the files, read as one of `FORMATS`.

        Raises:
            ConfigError: None can be read, or they don't agree, or they have columns that can't be taken.

        """
        find: Mapping[str, Callable[[], FoundSchema]] = {
            "csv": self._csv,
            "json": self._json,
            "text": self._text,
            "avro": self._avro,
        }
        options = {**FORMATS[name].reader, **self._given}
        if name in {"csv", "json", "text"} and self._encoding != UTF_8:
            options["encoding"] = java_name(self._encoding)
        self._name, self._options = name, options
        found = find.get(name, self._merged)()
        if len(found.faults) == len(self._listing.files):
            raise self._refused(self._first_fault())
        return found

    def _csv(self) -> FoundSchema:
        options = CsvOptions.of(self._given, self._encoding)
        if options is None:
            self._beginnings()
            return self._lenient(self._infer(self._load))
        headers, faults = read_headers(BeginningReader(self._spark), self._whole(), options)
        self._faults |= faults
        types = {one.name.lower(): one for one in self._ddl or ()}
        if self._ddl is not None and not options.header:
            names = tuple(one.name for one in self._ddl if one.name not in self._listing.partitions)
            headers = {file: CsvHeader(header.separator, names) for file, header in headers.items()}
        if not headers:
            raise self._refused(self._first_fault())
        columns = columns_of(headers[file] for file in sorted(headers))
        missing = [one for one in types if one not in {*map(str.lower, (*columns, *self._listing.partitions))}]
        if missing:
            raise self._refused(f"no file has the column {missing[0]!r} of --schema: there are {', '.join(columns)}")
        both = next((one for one in columns if one in self._listing.partitions), None)
        if both is not None:
            raise self._refused(f"column {both!r} is in the files and in the names of their directories: rename one")
        found = [types.get(name.lower(), StructField(name, StringType())) for name in columns]
        if self._ddl is not None:
            found = [one for one in self._ddl if one.name not in self._listing.partitions]
        schema = StructType([*found, *self._partition_fields()])
        return self._lenient(FoundSchema(schema, self._options, self._faults, headers))

    def _json(self) -> FoundSchema:
        beginnings = self._beginnings()
        if "multiline" not in {name.lower() for name in self._given}:
            self._check_shapes(beginnings)
        whole = self._options.get("multiLine") == "true"
        if not whole and self._encoding != UTF_8:
            self._check_lines()
            self._options.setdefault("lineSep", "\n")
        found = self._infer(self._load_array if whole else self._load)
        names = [one.name for one in found.schema if one.name not in self._listing.partitions]
        if names == [CORRUPT] and self._ddl is None:
            raise self._refused(f"no line is a JSON object: {_JSON_REMEDY}")
        return self._lenient(found)

    def _text(self) -> FoundSchema:
        self._beginnings()
        self._check_lines()
        return self._infer(self._load)

    def _avro(self) -> FoundSchema:
        """Avro, of which Spark would take the schema of any one file for that of all."""
        check_reader(self._spark)
        if self._ddl is not None or "avroschema" in {name.lower() for name in self._given}:
            return self._infer(self._load)
        schemas, faults = AvroSchemas(self._spark).read(self._whole())
        self._faults |= faults
        try:
            columns = merged(self._reader(), schemas)
        except ValueError as error:
            raise self._refused(str(error)) from error
        own = [one for one in columns if one.name not in self._listing.partitions]
        return FoundSchema(StructType([*own, *self._partition_fields()]), self._options, self._faults)

    def _merged(self) -> FoundSchema:
        """Parquet or ORC, whose files have schemas of their own."""
        self._spark.conf.set(NANOS_AS_LONG, "false")
        try:
            return self._infer(self._load)
        except PySparkException as error:
            return self._with_nanos(error)

    def _with_nanos(self, error: PySparkException) -> FoundSchema:
        """Return the columns of files with types that Spark doesn't read."""
        files = self._whole()
        is_parquet = self._name == "parquet"
        wrong = unread_column(self._spark, files) if is_parquet else None
        nanos = nanosecond_columns(self._spark, files) if is_parquet and wrong is None else {}
        if not nanos:
            why = f"{wrong}, which Spark doesn't read" if wrong is not None else first_line(error)
            raise self._refused(f"{why}: cast it to another type, or leave it out") from error
        self._spark.conf.set(NANOS_AS_LONG, "true")
        found = self._infer(self._load)
        found.nanos = {name: kind for name, kind in nanos.items() if self._ddl is None or name not in self._ddl.names}
        found.schema = with_timestamps(found.schema, found.nanos)
        return found

    def _lenient(self, found: FoundSchema) -> FoundSchema:
        if CORRUPT not in found.schema.names:
            found.schema = StructType([*found.schema.fields, StructField(CORRUPT, StringType())])
        return found

    def _infer(self, load: Callable[[list[str]], StructType]) -> FoundSchema:
        """Return the schema of all files that can be read: each that can't be is left out, and the rest tried again."""
        while files := self._whole():
            try:
                return FoundSchema(load(files), self._options, self._faults)
            except (PySparkException, Py4JJavaError) as error:
                bad = unreadable_file(error)
                if bad is None or bad[0] not in self._listing.files or bad[0] in self._faults:
                    if is_untyped(error):
                        raise
                    raise self._refused(disagreement(self._spark, error, self._reader(), files)) from error
                self._faults[bad[0]] = bad[1]
        raise self._refused(self._first_fault())

    def _load(self, files: list[str]) -> StructType:
        reader = self._reader()
        if self._ddl is not None:
            reader = reader.schema(self._ddl)
        elif FORMATS[self._name].merged:
            # A damaged file is reported when its rows are read; failing here would stop all others.
            reader = reader.options(mergeSchema="true", ignoreCorruptFiles="true")
        if self._ddl is not None and self._listing.partitions:
            schema = self._ddl
        elif self._faults:
            schema = reader.options(**EXACTLY).load(files).schema
        else:  # Spark lists them itself, which is faster than to look for each of many names
            schema = reader.option("recursiveFileLookup", "true").load(self._listing.pattern).schema
        own = [one for one in schema if one.name not in self._listing.partitions]
        return StructType([*own, *self._partition_fields()])

    def _load_array(self, files: list[str]) -> StructType:
        """Return the schema of JSON over several lines; Spark's own inference takes paths for patterns."""
        if self._ddl is not None:
            return self._load(files)
        texts = self._spark.read.format("text").options(**EXACTLY, wholetext="true").load(files)
        if self._encoding != UTF_8:
            value = sf.decode(sf.col("value").cast("binary"), java_name(self._encoding))
            texts = texts.select(value.alias("value"))
        options = {name: value for name, value in self._options.items() if name != "encoding"}
        schema = self._spark.read.options(**options).json(texts).schema
        return StructType([*schema.fields, *self._partition_fields()])

    def _reader(self) -> DataFrameReader:
        return self._spark.read.format(self._name).options(**self._options)

    def _partition_fields(self) -> list[StructField]:
        """Return the columns that directories stand for, of the types that Spark sees in their values."""
        bases: dict[str, list[str]] = {}
        for file in self._whole() if self._listing.partitions else ():
            bases.setdefault(self._listing.base(file), []).append(file)
        types: dict[str, set[DataType]] = {}
        for base, files in bases.items():
            reader = self._spark.read.options(__globPaths__="false", basePath=base).schema("value string")
            for one in reader.format("text").load(files).schema:
                types.setdefault(one.name, set()).add(one.dataType)
        given = {one.name: one for one in self._ddl or ()}
        return [
            given.get(name, StructField(name, types[name].pop() if len(types[name]) == 1 else StringType()))
            for name in self._listing.partitions
        ]

    def _whole(self) -> list[str]:
        return [file for file in self._listing.files if file not in self._faults]

    def _beginnings(self) -> dict[str, Beginning]:
        """Return the beginnings of all files that can be read in the encoding."""
        found = BeginningReader(self._spark).read(self._whole())
        for file, beginning in found.items():
            fault = beginning.fault
            if fault is None:
                said = encoding_fault(beginning.data, self._encoding, is_all=beginning.is_all)
                fault = said and f"it {said}"
            if fault is not None:
                self._faults[file] = fault
        return {file: beginning for file, beginning in found.items() if file not in self._faults}

    def _check_shapes(self, beginnings: Mapping[str, Beginning]) -> None:
        shapes = {
            file: json_shape(one.data.decode(self._encoding, errors="ignore"), is_all=one.is_all)
            for file, one in beginnings.items()
            if one.data
        }
        pretty = next((file for file, shape in shapes.items() if shape == "pretty"), None)
        if pretty is not None:
            raise self._refused(f"{pretty} has objects over several lines: {_JSON_REMEDY}")
        arrays = [file for file, shape in shapes.items() if shape == "array"]
        if arrays and len(arrays) < len(shapes):
            raise self._refused(
                f"{arrays[0]} is one array, others have an object on each line: give a glob of one kind"
            )
        if arrays:
            self._options["multiLine"] = "true"

    def _check_lines(self) -> None:
        if not is_of_lines(self._encoding):
            raise self._refused(f"lines of {self._encoding.upper()} can't be read: save the files as UTF-8")

    def _first_fault(self) -> str:
        path, why = next(iter(sorted(self._faults.items())))
        return f"no file of it can be read: {path}: {why}"

    def _refused(self, reason: str) -> ConfigError:
        return ConfigError(f"input {self._path!r} can't be read as {self._name}: {reason}: check --input and --format")
