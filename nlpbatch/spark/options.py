"""The options of a job: frozen values from the command line and from TOML, checked all at once.

They are dataclasses rather than pydantic models because with `--deploy-mode cluster` the driver runs on a node of the
cluster, where only pure Python can be shipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import ConfigError, RequestError
from nlpbatch.formats.csv_faults import MAX_RECORD_LINES
from nlpbatch.formats.encodings import UTF_8
from nlpbatch.older_python import Self
from nlpbatch.spark.option_types import OPTION_TYPES
from nlpbatch.spark.service_call import IN_FLIGHT, REQUEST_BYTES, ServiceCall
from nlpbatch.suggestions import nearest
from nlpbatch.toml import parse_toml
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation, Options

DEFAULT_PATIENCE_S: Final = 300.0
_DECIDING: Final = (
    *("input", "text", "analyzer", "fields", "tags", "top_n", "sentences", "operation", "options"),
    *("format", "reader", "encoding", "max_record_lines", "schema", "where"),
)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """One run of the analysis job.

    Args:
        input: File, directory or glob that Spark can read.
        text: Its columns to analyse, of strings or of arrays of strings.
        output: Directory to write; an output of the same run is resumed. With `output_table` it has the records only.
        output_table: Table that the rows are added to, its dead letters to another of its name and `_dead`; None to
            write them to `output`.
        table_format: Of a table that isn't there yet: delta or iceberg.
        evolve_schema: Whether a table that is there may get columns, and keep those that the rows lack.
        service: Address of the proxy, or several with commas between them.
        api_key: The key for it.
        analyzer: Analyzer's name.
        fields: Token fields to return.
        tags: Return tokens of these tags only; all if None.
        top_n: Candidates to return instead of tokens, if over 1.
        sentences: Whether to return where sentences are, too.
        operation: One of `nlpbatch.wire.options.OPERATIONS`; fields, tags, top_n and sentences are of "analyze".
        options: Further options of that operation by name; see `nlpbatch.wire.options.OPTIONS`.
        format: Of the input: parquet, orc, avro, json, csv or text; None to recognise it by the files' names.
        reader: Options of Spark's reader for that format.
        encoding: Of the characters of CSV, JSON and text; see `nlpbatch.formats.encodings`.
        max_record_lines: Lines that a record of CSV may have; a longer one counts as a quote that isn't closed.
        schema: The input's columns, such as "id bigint, review string"; None to find them in the files.
        where: Condition of SQL that rows have to meet, such as "rating >= 9"; None for all. Other rows are not in
            the output; lines that can't be parsed are among the dead letters.
        overwrite: Whether to delete an existing output first.
        reprocess: Whether to write a new version beside an output that was created with different settings.
        batch_bytes: Bytes of input files in a micro-batch; None to choose them from the input.
        max_bytes: Bytes of input files after which this start ends; None for no bound.
        until: Time at which this start ends, such as "06:00"; None for no bound.
        max_error_ratio: Share of failed rows at which the run stops; None for no bound.
        pushgateway: Address of a Prometheus Pushgateway that gets the progress; None for none.
        request_bytes: Text per request.
        in_flight: Requests under way per task.
        patience_s: Seconds to keep retrying a request while the service is away.

    """

    input: str
    text: tuple[str, ...]
    output: str
    service: str
    api_key: str | None = field(default=None, repr=False)
    analyzer: str = DEFAULT_ANALYZER
    fields: tuple[str, ...] = DEFAULT_FIELDS
    tags: tuple[str, ...] | None = None
    top_n: int = 1
    sentences: bool = False
    operation: Operation = "analyze"
    options: Mapping[str, Any] = field(default_factory=dict)
    format: str | None = None
    reader: Mapping[str, str] = field(default_factory=dict)
    encoding: str = UTF_8
    max_record_lines: int = MAX_RECORD_LINES
    output_table: str | None = None
    table_format: str | None = None
    evolve_schema: bool = False
    schema: str | None = None
    where: str | None = None
    overwrite: bool = False
    reprocess: bool = False
    batch_bytes: int | None = None
    max_bytes: int | None = None
    until: str | None = None
    max_error_ratio: float | None = None
    pushgateway: str | None = None
    request_bytes: int = REQUEST_BYTES
    in_flight: int = IN_FLIGHT
    patience_s: float = DEFAULT_PATIENCE_S

    def asked(self) -> Options:
        """Return what is asked of each text.

        Raises:
            InvalidRequest: Options that the operation doesn't have, or that don't go together.
            InvalidOption: A value that the engine doesn't take.
            UnknownField: A field that isn't offered.

        """
        plain = {item.name: item.default for item in fields(self)}
        of_analyze = {name: getattr(self, name) for name in ("fields", "tags", "top_n", "sentences")}
        given = {name: value for name, value in of_analyze.items() if value != plain[name]}
        return Options.checked(self.operation, {"analyzer": self.analyzer, **given, **self.options})

    def call(self, job: str) -> ServiceCall:
        """Return how the service is called, under a job's name.

        Raises:
            InvalidRequest, InvalidOption, UnknownField: As `asked`, or a number is out of its range.
            ConfigError: `patience_s` is out of its range.

        """
        return ServiceCall(
            self.service,
            self.asked(),
            job,
            api_key=self.api_key,
            request_bytes=self.request_bytes,
            in_flight=self.in_flight,
            retry=RetryPolicy(patience_s=self.patience_s),
        )

    def table_fault(self) -> str | None:
        """Return what is wrong between the options of tables and others; None if nothing is."""
        if self.output_table is None:
            if self.table_format is not None or self.evolve_schema:
                return "--table-format and --evolve-schema are of a table: name it with --output-table"
            return None
        if self.overwrite or self.reprocess:
            return (
                "--overwrite and --reprocess replace files, and a table's rows stay: name another table and another "
                "--output, or delete the rows and the output yourself"
            )
        return None

    def deciding(self) -> dict[str, Any]:
        """Return the options that decide what an output is; the others decide where it is, and how it is made."""
        decide = {name: getattr(self, name) for name in _DECIDING}
        return decide if self.output_table is None else {**decide, "output_table": self.output_table}

    @classmethod
    def merge(cls, file: Path | None, given: Mapping[str, Any]) -> Self:
        """Return the options of a TOML file with those given on the command line on top.

        Raises:
            ConfigError: The file can't be read, or options are unknown, missing or of the wrong type; all are named.

        """
        written = {} if file is None else _read(file)
        given = {name: value for name, value in given.items() if value is not None}
        written.pop("alerts", None)  # nlpbatch.recipe.alert_settings reads them
        faults = [_unknown(str(file), name) for name in written if name not in OPTION_TYPES]
        members = {name: value for name, value in (written | given).items() if name in OPTION_TYPES}
        sources = dict.fromkeys(written, str(file)) | dict.fromkeys(given, "command line")
        faults += [fault for name, value in members.items() if (fault := _fault(sources[name], name, value))]
        required = ("input", "text", "output", "service")
        faults += [
            f"{name} is missing: give --{name}, or set it in --config" for name in required if not members.get(name)
        ]
        if faults:
            raise ConfigError("\n".join(faults))
        options = cls(**{name: OPTION_TYPES[name].convert(value) for name, value in members.items()})
        if fault := options.table_fault():
            raise ConfigError(fault)
        try:
            options.asked()
        except RequestError as error:
            raise ConfigError(f"{options.operation}: {error.message}") from error
        return options


assert {item.name for item in fields(JobOptions)} == set(OPTION_TYPES)  # noqa: S101  (one table, one dataclass)


def _read(file: Path) -> dict[str, Any]:
    try:
        return parse_toml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror}: check the path given with --config") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error


def _unknown(source: str, name: str) -> str:
    return f"{source}: unknown option {name!r}: {nearest(name, OPTION_TYPES)}"


def _fault(source: str, name: str, value: Any) -> str | None:
    kind = OPTION_TYPES[name]
    if not kind.accepts(value):
        shown = "" if kind.secret else f" = {value!r}"
        return f"{source}: {name}{shown} is not {kind.wanted}"
    fault = kind.fault(kind.convert(value))
    return fault and f"{source}: {fault}"
