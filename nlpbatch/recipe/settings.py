"""A recipe: one TOML file that says what the data should become. Read and checked whole, before anything is done."""

import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from nlpbatch.errors import ConfigError, InvalidRequest, UnknownField
from nlpbatch.formats.csv_faults import MAX_RECORD_LINES
from nlpbatch.formats.encodings import UTF_8
from nlpbatch.spark.option_types import (
    FLAG,
    OPTION_TYPES,
    STRING,
    OptionType,
    columns,
    columns_fault,
    is_names,
    is_number,
    one_of,
)
from nlpbatch.spark.options import JobOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.limits import GIB
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation

UNITS: Final = {"lemmas": "lemma", "nouns": "form", "forms": "form"}
"""What a document is made of, and the token field that it is taken from."""
FEATURE_COLUMNS: Final = ("split", "terms", "weighted", "sequence")
"""Columns that features add."""
DESCRIPTION: Final = "_nlpbatch/features.json"
"""File of the features that tells how they were made; the last that is written."""
SPLITS: Final = ("train", "validation", "test")
_FIELDS: Final = ("form", "tag", "lemma", "start", "end")
SINK_FORMATS: Final = ("parquet", "orc", "json")
_MOST_NGRAMS: Final = 5


@dataclass(frozen=True, slots=True)
class Source:
    """Where the data comes from: exactly one of `sql`, `table` and `files`.

    Args:
        sql: A query of Spark SQL, over Hive's tables.
        table: A table, such as "web.reviews".
        files: File, directory or glob; taken as it is, without a dump.
        format: Of the files; None to tell it from their names.
        reader: Options of Spark's reader for that format, such as sep and header of CSV.
        encoding: Of the characters of CSV, JSON and text, such as "cp949".
        max_record_lines: Lines that a record of CSV may have.
        metastore: Address of Hive's metastore, such as "thrift://metastore:9083", or a directory of this machine
            for one of our own; None for what Spark is configured for.
        warehouse: Where that one keeps its tables.

    """

    sql: str | None = None
    table: str | None = None
    files: str | None = None
    format: str | None = None
    reader: Mapping[str, str] = field(default_factory=dict)
    encoding: str = UTF_8
    max_record_lines: int = MAX_RECORD_LINES
    metastore: str | None = None
    warehouse: str | None = None

    @property
    def query(self) -> str | None:
        """Return the query to dump; None if files are taken as they are."""
        return f"SELECT * FROM {self.table}" if self.table is not None else self.sql  # noqa: S608  (the user's table)

    def reading(self) -> dict[str, Any]:
        """Return how the files are to be read, as `JobOptions` takes it."""
        return {name: getattr(self, name) for name in ("format", "reader", "encoding", "max_record_lines")}


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """How many rows to look at; see `nlpbatch.sampling.SampleOptions`."""

    rows: int = 10_000
    seed: int = 0
    read_share: float = 0.04
    read_bytes: int = GIB
    stratify: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What the report is about.

    Args:
        label: Column with what is to be learned.
        group: Column with groups that should be alike, such as a film or a region.
        date: Column with dates or times.
        tokens: Rows of the sample that are analysed for it.

    """

    label: str | None = None
    group: str | None = None
    date: str | None = None
    tokens: int = 20_000


@dataclass(frozen=True, slots=True)
class Analyze:
    """What is analysed, and how.

    Args:
        columns: Text columns.
        service: Address of the proxy; None for NLPBATCH_SERVICE.
        operation: What is asked of each text; see `nlpbatch.wire.options.OPERATIONS`. Features need "analyze".
        options: Further options of it by name; see `nlpbatch.wire.options.OPTIONS`.
        analyzer: Analyzer's name.
        fields: Token fields to keep; None for form, tag, lemma, start and end.
        tags: Tokens to keep; all if None.
        where: Condition of SQL that rows have to meet, such as "rating >= 9"; None for all.
        max_error_ratio: Share of failed rows at which to stop.

    """

    columns: tuple[str, ...] = ()
    service: str | None = None
    operation: Operation = "analyze"
    options: Mapping[str, Any] = field(default_factory=dict)
    analyzer: str = DEFAULT_ANALYZER
    fields: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    where: str | None = None
    max_error_ratio: float | None = None

    @property
    def token_fields(self) -> tuple[str, ...]:
        """Return the fields of the tokens there are; none if another operation gives no tokens."""
        return (self.fields or _FIELDS) if self.operation == "analyze" else ()

    def job_options(self, **given: Any) -> JobOptions:
        """Return the options of a job that does this."""
        names = ("analyzer", "tags", "operation", "options", "where", "max_error_ratio")
        asked: dict[str, Any] = {name: getattr(self, name) for name in names}
        return JobOptions(text=self.columns, fields=self.token_fields or DEFAULT_FIELDS, **asked, **given)


@dataclass(frozen=True, slots=True)
class Features:
    """What a model gets.

    Args:
        id: Column that tells documents apart; its hash decides the split.
        label: Column that goes along.
        unit: One of `UNITS`.
        ngrams: Longest sequence of units that counts as a term, from 1.
        min_documents: Documents that a term must be in.
        vocabulary: Most terms, the most frequent ones.
        tfidf: Whether to weigh terms.
        sequences: Whether to give documents as the numbers of their units, in order.
        split: Parts by name; they add up to 1.

    """

    id: str = "id"
    label: str | None = None
    unit: str = "lemmas"
    ngrams: int = 1
    min_documents: int = 2
    vocabulary: int = 50_000
    tfidf: bool = True
    sequences: bool = True
    split: Mapping[str, float] = field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})


@dataclass(frozen=True, slots=True)
class Sink:
    """Where everything goes.

    Args:
        path: Directory; each stage has its own in it.
        format: Of the features.
        partition_by: Columns that the features are partitioned by, besides the split.

    """

    path: str = ""
    format: str = "parquet"
    partition_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """All of it; a stage that the file doesn't name isn't done."""

    source: Source
    sink: Sink
    sample: SampleSettings | None = None
    profile: Profile | None = None
    analyze: Analyze | None = None
    features: Features | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the recipe in a file.

        Raises:
            ConfigError: It can't be read, or anything in it is wrong; all faults are named.

        """
        try:
            members = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: can't be read: {error.strerror}: check the path") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: not TOML: {error}") from error
        return cls.check(members, str(path))

    @classmethod
    def check(cls, members: Mapping[str, Any], name: str = "recipe") -> Self:
        """Return the recipe of a file's members.

        Raises:
            ConfigError: As `load`.

        """
        faults: list[str] = []
        sections: dict[str, Any] = {}
        for section, given in members.items():
            if section not in _SECTIONS:
                faults.append(f"unknown section [{section}]: {_near(section, _SECTIONS)}")
            elif not isinstance(given, Mapping):
                faults.append(f"{section} is not a section: write [{section}]")
            else:
                sections[section] = _section(section, given, faults)
        if not faults:
            faults += _between(sections)
        if faults:
            raise ConfigError("\n".join(f"{name}: {fault}" for fault in faults))
        return cls(**sections)

    def to_members(self) -> dict[str, Any]:
        """Return it as a file's members, without what is left out; for those who pass one on."""
        return {name: _plain(value) for name, value in asdict(self).items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    return list(value) if isinstance(value, tuple) else value


def _whole(least: int, most: int | None = None) -> OptionType:
    wanted = f"a whole number from {least:,}" + (f" to {most:,}" if most else "")

    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= (most or value)

    return OptionType(accepts, wanted)


def _is_split(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) <= set(SPLITS)
        and all(is_number(part) and part >= 0 for part in value.values())
        and math.isclose(sum(value.values()), 1.0, abs_tol=1e-9)
    )


_NAMES: Final = OptionType(is_names, 'a column, or several: ["title", "body"]', columns, columns_fault)
_SHARE: Final = OptionType(lambda value: is_number(value) and 0 < value <= 1, "a number over 0 and up to 1", float)
_SECTIONS: Final[dict[str, tuple[type[Any], dict[str, OptionType]]]] = {
    "source": (
        Source,
        {
            **dict.fromkeys(("sql", "table", "files", "metastore", "warehouse"), STRING),
            "format": OPTION_TYPES["format"],
            **{name: OPTION_TYPES[name] for name in ("reader", "encoding", "max_record_lines")},
        },
    ),
    "sample": (
        SampleSettings,
        {"rows": _whole(1), "seed": _whole(0), "read_share": _SHARE, "read_bytes": _whole(1), "stratify": STRING},
    ),
    "profile": (Profile, {**dict.fromkeys(("label", "group", "date"), STRING), "tokens": _whole(0)}),
    "analyze": (
        Analyze,
        {
            "columns": _NAMES,
            "service": STRING,
            **{
                name: OPTION_TYPES[name]
                for name in ("operation", "options", "analyzer", "fields", "tags", "where", "max_error_ratio")
            },
        },
    ),
    "features": (
        Features,
        {
            **dict.fromkeys(("id", "label"), STRING),
            "unit": one_of(UNITS),
            "ngrams": _whole(1, _MOST_NGRAMS),
            "min_documents": _whole(1),
            "vocabulary": _whole(1),
            **dict.fromkeys(("tfidf", "sequences"), FLAG),
            "split": OptionType(
                _is_split, "parts of train, validation and test that add up to 1: { train = 0.8, test = 0.2 }", dict
            ),
        },
    ),
    "sink": (
        Sink,
        {"path": STRING, "format": one_of(SINK_FORMATS), "partition_by": _NAMES},
    ),
}
assert all({item.name for item in fields(cls)} == set(kinds) for cls, kinds in _SECTIONS.values())  # noqa: S101


def _section(section: str, given: Mapping[str, Any], faults: list[str]) -> Any:
    cls, kinds = _SECTIONS[section]
    values: dict[str, Any] = {}
    for name, value in given.items():
        kind = kinds.get(name)
        if kind is None:
            faults.append(f"[{section}] has an unknown key {name!r}: {_near(name, kinds)}")
        elif not kind.accepts(value):
            faults.append(f"[{section}] {name} = {value!r} is not {kind.wanted}")
        else:
            converted = kind.convert(value)
            values[name] = converted
            if fault := kind.fault(converted):
                faults.append(f"[{section}] {fault}")
    return cls(**values)


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"


def _between(sections: Mapping[str, Any]) -> list[str]:
    """Return what is wrong between values."""
    source, sink = sections.get("source", Source()), sections.get("sink", Sink())
    faults = []
    if sum(value is not None for value in (source.sql, source.table, source.files)) != 1:
        faults.append("[source] needs exactly one of sql, table and files")
    if not sink.path:
        faults.append("[sink] path is missing: name the directory that everything goes to")
    if (source.metastore or "").startswith("thrift://") and source.warehouse:
        faults.append("[source] warehouse is where a metastore of our own keeps its tables: a remote one has its own")
    if source.files is None and source.reading() != Source().reading():
        faults.append(
            "[source] format and reader are of files, and so are encoding and max_record_lines: leave them out"
        )
    analyze, features = sections.get("analyze"), sections.get("features")
    if analyze is not None:
        faults += _of_analysis(analyze)
    if "profile" in sections and "sample" not in sections:
        faults.append("[profile] is of a sample: add [sample]")
    if "profile" in sections and analyze is None:
        faults.append("[profile] needs to know which columns are text: add [analyze] with columns")
    if features is not None:
        faults += [*_of_features(features, analyze), *_of_names(features, sink)]
    return faults


def _of_analysis(analyze: Analyze) -> list[str]:
    faults = [] if analyze.columns else ['[analyze] columns is missing: name the text columns: ["review"]']
    if analyze.fields is not None and analyze.operation != "analyze":
        return [*faults, f"[analyze] fields are of tokens, which {analyze.operation!r} doesn't give: leave them out"]
    try:
        analyze.job_options(input="", output="", service="").asked()
    except (InvalidRequest, UnknownField) as error:
        faults.append(f"[analyze] {error.message}")
    named = [name for name in ("analyzer", "fields", "tags") if name in analyze.options]
    return [
        *faults,
        *(f"[analyze] options.{name} is a key of its own: write {name} = … in [analyze]" for name in named),
    ]


def _of_names(features: Features, sink: Sink) -> list[str]:
    named = {"[features] id": features.id, "[features] label": features.label}
    named |= {f"[sink] partition_by, item {number}": name for number, name in enumerate(sink.partition_by, 1)}
    return [
        f"{key} is {name!r}, which is what a column of the features is called: rename it in [source]"
        for key, name in named.items()
        if name in FEATURE_COLUMNS
    ]


def _of_features(features: Features, analyze: Analyze | None) -> list[str]:
    if analyze is None:
        return ["[features] is made of tokens: add [analyze]"]
    if analyze.operation != "analyze":
        return [f"[features] is made of tokens, which [analyze] operation {analyze.operation!r} doesn't give"]
    if analyze.options.get("top_n", 1) != 1:
        return ["[features] is made of tokens, [analyze] options top_n gives candidates instead: leave it out"]
    needed = {UNITS[features.unit]} | ({"tag"} if features.unit == "nouns" else set())
    missing = sorted(needed - set(analyze.token_fields))
    if missing:
        return [f"[features] unit = {features.unit!r} needs the token field {missing[0]!r}: add it to [analyze] fields"]
    return []
