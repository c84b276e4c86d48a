"""What one start of a run will do, checked before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from nlpbatch.errors import ConfigError, FingerprintMismatch
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.pinning import Pinned, pin
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.runs.batches import Batches
from nlpbatch.spark.runs.columns import RunAnalysis, text_columns
from nlpbatch.spark.runs.identity import RunFile, RunIdentity, identified, new_name
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.merging import Merges
from nlpbatch.spark.runs.versions import newest, next_version
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tables.batches import batches_of
from nlpbatch.spark.tables.merging import merges_of
from nlpbatch.spark.tables.sink import TableSink
from nlpbatch.wire.options.offered import resolve


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run that has been checked; nothing is written yet.

    Args:
        output: What is written.
        source: What is read.
        analysis: What is asked.
        identity: What the output is.
        existing: What the output says of itself; None if there is none.
        given: The options that decide what the output is.
        tables: Where the rows go, if not to the output.

    """

    output: Storage
    source: Input
    analysis: RunAnalysis
    identity: RunIdentity
    existing: RunFile | None
    given: Mapping[str, Any]
    tables: TableSink | None = None

    @property
    def name(self) -> str:
        """Return the run's name, under which the proxy counts it."""
        return self.analysis.call.job

    @property
    def files(self) -> Mapping[str, int]:
        """Return the bytes of the input's files, by path."""
        return self.source.files

    def begin(self) -> RunFile:
        """Return what the output's run file says, after writing it if there is none.

        Raises:
            ConfigError: There was none when the plan was made, and there is one now.

        """
        if self.existing is not None:
            self._make_tables()
            return self.existing
        if self.output.exists(layout.RUN):
            raise ConfigError(
                f"output {self.output.url} was created by another driver in the meantime: start again to resume it"
            )
        run_file = RunFile(self.name, self.identity, nlpbatch_version(), now_text(), self.given)
        run_file.write(self.output)
        self._make_tables()
        return run_file

    def batches(self) -> Batches:
        """Return what makes micro-batches part of the output."""
        return batches_of(self.output, self.tables, self.name)

    def merges(self) -> Merges:
        """Return the merges of replays, which an earlier start may have left unfinished."""
        return merges_of(self.output, self.tables, self.name)

    def _make_tables(self) -> None:
        """Make the tables that aren't there; they are never made again after rows were added to them.

        Raises:
            ConfigError: They can't be made, or had rows of this run and are gone.

        """
        if self.tables is None:
            return
        done = sum(record.rows > record.dead for record in Batches(self.output).records())
        if self.tables.rows.found is None and done:
            raise ConfigError(
                f"table {self.tables.rows.name} is gone, which had the rows of {done:,} micro-batches of "
                f"{self.output.url}: restore it, or choose another output"
            )
        self.tables.make()


def plan_run(session: SparkSession, options: JobOptions) -> RunPlan:
    """Return everything that this start will do, after checking everything that a caller can have got wrong.

    Raises:
        ConfigError: Input or output can't be used, or the output was created with different settings.
        InvalidRequest, UnknownAnalyzer, UnknownField, Unauthenticated: What was asked for can't be had.
        PatienceExhausted: The service stayed away for longer than `patience_s`.

    """
    base = Storage(session, options.output)
    _check_place(base, Storage(session, options.input), options)
    source = Input.look(
        session,
        options.input,
        format_name=options.format,
        reader=options.reader,
        ddl=options.schema,
        where=options.where,
        encoding=known_encoding(options.encoding),
        max_record_lines=options.max_record_lines,
    )
    output = newest(session, base) if options.reprocess else base
    existing = None if options.overwrite else _existing(output)
    call = options.call(existing.run if existing else new_name(output))
    pinned = _pin(call, None if options.reprocess or existing is None else existing.identity.fingerprint, output)
    identity = _identity(options, source, pinned, Storage(session, options.input).url)
    if existing is not None and options.reprocess and not existing.identity.is_same(identity):
        output, existing = next_version(session, base), None
        call = replace(call, job=new_name(output))
    if existing is not None:
        existing.check(identity, output)
    analysis = RunAnalysis(text_columns(source.schema, options.text, call.asked), call, pinned)
    _check_added(analysis, source)
    # An empty frame finds everything that is wrong with the columns, without reading a row.
    analysis.apply(session.createDataFrame([], source.schema), None)
    tables = _tables(session, options, analysis.tasks(source.schema)[0], output)
    return RunPlan(output, source, analysis, identity, existing, options.deciding(), tables)


def _tables(session: SparkSession, options: JobOptions, schema: StructType, output: Storage) -> TableSink | None:
    """Return the tables that the rows go to, checked; None if they go to the output."""
    if fault := options.table_fault():
        raise ConfigError(fault)
    name = options.output_table
    if name is None:
        return None
    tables = TableSink.plan(session, name, schema, given=options.table_format, evolve=options.evolve_schema)
    for table in (tables.rows, tables.dead):
        place = table.name.parts[1] if table.name.is_path else table.found and table.found.location
        if place and output.overlaps(Storage(session, place)):
            raise ConfigError(f"output {output.url} and table {table.name} overlap: choose another output")
    return tables


def _check_place(output: Storage, source: Storage, options: JobOptions) -> None:
    """Refuse an output that overlaps the input, or that holds files of something else."""
    if output.overlaps(source):
        raise ConfigError(f"output {output.url} and input {source.url} overlap: choose another output")
    if output.exists() and not output.exists(layout.RUN) and output.names() and not options.overwrite:
        raise ConfigError(
            f"output {output.url} exists already and was not made by this job: "
            "choose another path, or replace it with --overwrite"
        )


def _existing(output: Storage) -> RunFile | None:
    return RunFile.read(output) if output.exists(layout.RUN) else None


def _pin(call: ServiceCall, fingerprint: str | None, output: Storage) -> Pinned:
    try:
        return pin(call, fingerprint)
    except FingerprintMismatch as error:
        raise ConfigError(
            f"output {output.url} cannot be resumed: {error.message}: let a server have that version again, "
            "or write a new version of the output beside it with --reprocess"
        ) from error


def _identity(options: JobOptions, source: Input, pinned: Pinned, url: str) -> RunIdentity:
    return RunIdentity(
        input=url,
        format=source.format,
        reader=dict(source.reader),
        text=options.text,
        asked=identified(resolve(options.asked(), pinned.info), pinned.info.name),
        schema=source.schema.simpleString(),
        fingerprint=pinned.info.fingerprint,
        where=options.where,
        table=options.output_table,
    )


def _check_added(analysis: RunAnalysis, source: Input) -> None:
    """Refuse an input column whose name is that of an added column; Spark ignores case."""
    taken = {name.lower(): name for name in source.schema.names}
    added = (name.lower() for column in analysis.columns for name in column.names.values())
    twice = next((taken[name] for name in added if name in taken), None)
    if twice is not None:
        raise ConfigError(f"the input has a column {twice!r}, which the output adds: rename it in the input")


def nlpbatch_version() -> str:
    """Return the installed version; a driver that has only the bundle doesn't know it."""
    try:
        return version("nlpbatch")
    except PackageNotFoundError:
        return "unknown"
