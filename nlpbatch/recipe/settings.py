"""The sections of a recipe: what each option is called, what it accepts, what it means and what it is if left out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from nlpbatch.formats.csv_faults import MAX_RECORD_LINES
from nlpbatch.formats.encodings import UTF_8
from nlpbatch.recipe.section_options import COLUMNS, SHARE, whole
from nlpbatch.spark.option_types import ADDRESSES, FLAG, OPTION_TYPES, QUERY, STRING, OptionType, is_number, one_of
from nlpbatch.spark.options import JobOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.limits import GIB
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation

UNITS: Final = {"lemmas": "lemma", "nouns": "form", "forms": "form"}
"""What a document is made of, and the token field that it is taken from."""
DESCRIPTION: Final = "_nlpbatch/features.json"
"""File of the features that says how they were made; it is written last."""
SPLITS: Final = ("train", "validation", "test")
SINK_FORMATS: Final = ("parquet", "orc", "json")
_FIELDS: Final = ("form", "tag", "lemma", "start", "end")
_MAX_NGRAMS: Final = 5


@dataclass(frozen=True, slots=True)
class TableSettings:
    """A table: exactly one of `sql`, `table` and `files`."""

    sql: Annotated[str | None, QUERY, "Query of Spark SQL, over Hive's tables."] = None
    table: Annotated[str | None, STRING, 'Table, such as "web.reviews".'] = None
    files: Annotated[str | None, STRING, "File, directory or glob; read directly, without a dump."] = None
    format: Annotated[str | None, OPTION_TYPES["format"], "Format of the files; their names decide if left out."] = None
    reader: Annotated[
        Mapping[str, str], OPTION_TYPES["reader"], "Options of Spark's reader for that format, such as sep of CSV."
    ] = field(default_factory=dict)
    encoding: Annotated[str, OPTION_TYPES["encoding"], 'Encoding of CSV, JSON and text, such as "cp949".'] = UTF_8
    max_record_lines: Annotated[int, OPTION_TYPES["max_record_lines"], "Most lines of one record of CSV."] = (
        MAX_RECORD_LINES
    )

    @property
    def query(self) -> str | None:
        """Return the query that gives its rows; None if files are read directly."""
        return f"SELECT * FROM {self.table}" if self.table is not None else self.sql  # noqa: S608  (the user's table)

    def reading(self) -> dict[str, Any]:
        """Return how the files are to be read, as `JobOptions` takes it."""
        return {name: getattr(self, name) for name in ("format", "reader", "encoding", "max_record_lines")}

    def origin(self) -> dict[str, Any]:
        """Return the files, and how they are read where that is not the default."""
        plain = TableSettings().reading()
        return {"files": self.files, **{name: value for name, value in self.reading().items() if value != plain[name]}}

    def faults(self, section: str) -> list[str]:
        """Return what is wrong with it as a section."""
        faults = []
        if sum(value is not None for value in (self.sql, self.table, self.files)) != 1:
            faults.append(f"[{section}] needs exactly one of sql, table and files")
        if self.files is None and self.reading() != TableSettings().reading():
            faults.append(f"[{section}] format, reader, encoding and max_record_lines are for files: leave them out")
        return faults


@dataclass(frozen=True, slots=True)
class SourceSettings(TableSettings):
    """Where the data comes from."""

    metastore: Annotated[
        str | None,
        STRING,
        'Address of Hive\'s metastore, such as "thrift://metastore:9083", or a directory of this machine for a '
        "metastore of the recipe's own; Spark's configuration decides if left out.",
    ] = None
    warehouse: Annotated[str | None, STRING, "Where a metastore of the recipe's own keeps its tables."] = None


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """How many rows to look at."""

    rows: Annotated[int, whole(1), "Rows wanted."] = 10_000
    seed: Annotated[int, whole(0), "Seed of chance: the same seed gives the same rows."] = 0
    read_share: Annotated[float, SHARE, "Share of the bytes that may be read of large data."] = 0.04
    read_bytes: Annotated[int, whole(1), "Most bytes that may be read of any data."] = GIB
    stratify: Annotated[str | None, STRING, "Column of which each value gets as many rows."] = None


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """What the report of the sample is about."""

    label: Annotated[str | None, STRING, "Column with what is to be learned."] = None
    group: Annotated[str | None, STRING, "Column with groups that should be alike, such as a film or a region."] = None
    date: Annotated[str | None, STRING, "Column with dates or times."] = None
    tokens: Annotated[int, whole(0), "Rows of the sample that are analysed for the report."] = 20_000


@dataclass(frozen=True, slots=True)
class AnalyzeSettings:
    """What is analysed, and how."""

    columns: Annotated[tuple[str, ...], COLUMNS, "Text columns, of strings or of arrays of strings."] = ()
    service: Annotated[
        str | None, ADDRESSES, "Address of the proxy, or several; NLPBATCH_SERVICE decides if left out."
    ] = None
    operation: Annotated[
        Operation, OPTION_TYPES["operation"], 'Operation asked of each text; features need "analyze".'
    ] = "analyze"
    options: Annotated[
        Mapping[str, Any], OPTION_TYPES["options"], "Further options of the operation; see nlpbatch.wire.options."
    ] = field(default_factory=dict)
    analyzer: Annotated[str, OPTION_TYPES["analyzer"], "Name of the analyzer."] = DEFAULT_ANALYZER
    fields: Annotated[
        tuple[str, ...] | None,
        OPTION_TYPES["fields"],
        "Token fields to keep: form, tag, lemma, start and end if left out.",
    ] = None
    tags: Annotated[tuple[str, ...] | None, OPTION_TYPES["tags"], "Tags of the tokens to keep; all if left out."] = None
    where: Annotated[
        str | None, OPTION_TYPES["where"], 'Condition of SQL that rows have to meet, such as "rating >= 9".'
    ] = None
    max_error_ratio: Annotated[
        float | None, OPTION_TYPES["max_error_ratio"], "Share of failed rows at which the analysis stops."
    ] = None

    @property
    def token_fields(self) -> tuple[str, ...]:
        """Return the fields of the tokens there are; none if another operation gives no tokens."""
        return (self.fields or _FIELDS) if self.operation == "analyze" else ()

    def job_options(self, **given: Any) -> JobOptions:
        """Return the options of a job that does this."""
        names = ("analyzer", "tags", "operation", "options", "where", "max_error_ratio")
        asked: dict[str, Any] = {name: getattr(self, name) for name in names}
        return JobOptions(text=self.columns, fields=self.token_fields or DEFAULT_FIELDS, **asked, **given)


def _is_split(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) <= set(SPLITS)
        and all(is_number(part) and part >= 0 for part in value.values())
        and math.isclose(sum(value.values()), 1.0, abs_tol=1e-9)
    )


_SPLIT: Final = OptionType(
    _is_split, "parts of train, validation and test that add up to 1: { train = 0.8, test = 0.2 }", dict
)


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """What a model gets."""

    id: Annotated[str, STRING, "Column that identifies a document; its hash decides the split."] = "id"
    label: Annotated[str | None, STRING, "Column that is copied to the features."] = None
    unit: Annotated[str, one_of(UNITS), "What a document is made of."] = "lemmas"
    ngrams: Annotated[int, whole(1, _MAX_NGRAMS), "Longest sequence of units that counts as a term."] = 1
    min_documents: Annotated[int, whole(1), "Documents that a term must be in."] = 2
    vocabulary: Annotated[int, whole(1), "Most terms; the most frequent ones are kept."] = 50_000
    tfidf: Annotated[bool, FLAG, "Whether to weight terms by tf-idf."] = True
    sequences: Annotated[bool, FLAG, "Whether to give documents as the numbers of their units, in order."] = True
    split: Annotated[Mapping[str, float], _SPLIT, "Parts by name; they add up to 1."] = field(
        default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1}
    )


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """Where everything is written."""

    path: Annotated[str, STRING, "Directory; each stage has its own in it."] = ""
    format: Annotated[str, one_of(SINK_FORMATS), "Format of the features."] = "parquet"
    table: Annotated[
        str | None,
        OPTION_TYPES["output_table"],
        "Table that the analysed rows are added to; those of a sample stay files.",
    ] = None
    table_format: Annotated[
        str | None, OPTION_TYPES["table_format"], "Format of a table that isn't there yet: delta or iceberg."
    ] = None
    evolve_schema: Annotated[
        bool, FLAG, "Whether a table that is there may get columns, and keep those that the rows lack."
    ] = False
    partition_by: Annotated[
        tuple[str, ...], COLUMNS, "Columns that the features are partitioned by, in addition to the split."
    ] = ()
