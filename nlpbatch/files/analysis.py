"""Analyses files: reads, sends and writes at the same time, in bounded memory, and goes on where it was interrupted.

Held in memory are what is read ahead and waits for answers (64 MiB of rows for each text column, at most), and the rows
of one part with their outcomes (32 MiB, and what Parquet's writer needs for them).
"""

import re
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Self

import pyarrow as pa

import nlpbatch
from nlpbatch.client.columns.pinning import Pinned, pin_with
from nlpbatch.client.columns.table_analysis import IN_FLIGHT, REQUEST_BYTES, TableAnalysis
from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.client.columns.text_columns import text_columns
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.sync import Client
from nlpbatch.clock import SystemClock
from nlpbatch.errors import ConfigError, FingerprintMismatch, NlpbatchError
from nlpbatch.files.counts import Counts, Outcomes
from nlpbatch.files.listing import InputFile
from nlpbatch.files.part_rows import PartRows
from nlpbatch.files.part_store import AnalysisFile, AnalysisIdentity, PartStore, StoredPart
from nlpbatch.files.result_files import ResultFiles
from nlpbatch.files.source import ReadOptions, Source
from nlpbatch.files.summary import Summary
from nlpbatch.formats.spark_schema import footer_metadata, spark_json
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.options import Options
from nlpbatch.wire.options.offered import resolve
from nlpbatch.wire.priority import BATCH

Advance = Callable[[int], None]
"""Told of that many more rows that are done."""


@dataclass(frozen=True, slots=True)
class FileAnalysis:
    """One analysis of files.

    Args:
        inputs: What was given, for the summary.
        files: The files.
        text: Columns to analyse, of strings or lists of strings.
        output: The file to write; failed rows get one beside it.
        service: Address of the proxy, or several with commas between them.
        asked: What is asked of each text.
        reader: The way to read the files.
        api_key: The key for the service.
        overwrite: Whether to replace an output, and to drop what was begun with other settings.
        request_bytes: UTF-8 bytes of text per request.
        in_flight: Most requests under way.
        retry: How long a request is retried.

    """

    inputs: Sequence[str]
    files: Sequence[InputFile]
    text: Sequence[str]
    output: Path
    service: str
    asked: Options
    reader: ReadOptions = field(default_factory=ReadOptions)
    api_key: str | None = field(default=None, repr=False)
    overwrite: bool = False
    request_bytes: int = REQUEST_BYTES
    in_flight: int = IN_FLIGHT
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def run(self, source: Source, advance: Advance, note: Callable[[str], None]) -> Summary:
        """Analyse what isn't done yet; return the summary of all starts.

        However it ends, there is an output only if it is complete; the next start goes on after the rows that are done.

        Args:
            source: The rows of the files.
            advance: Told of rows that are done.
            note: Told what a person may want to know.

        Raises:
            ConfigError: Input or output can't be used, or the output was begun with different settings.
            InvalidRequest, UnknownAnalyzer, UnknownField, Unauthenticated: What was asked for can't be had.
            FingerprintMismatch: The version that the output was begun with is gone.
            PatienceExhausted: The service stayed away for longer than the retry policy allows.

        """
        given = self._resolved()
        text_columns(source.schema, self.text, given.asked)
        if self.output.exists() and not self.overwrite:
            raise ConfigError(f"{self.output} exists: give --overwrite to replace it, or choose another with -o")
        with PartStore(self.output).locked() as store:
            return _Run(given, source, store, note).work(advance)

    def _resolved(self) -> Self:
        """Return it with what is called and the type of its results, which only the service knows."""
        if self.asked.operation != "call":
            return self
        with Client(self.service, api_key=self.api_key, retry=self.retry) as client:
            info = pin_with(client, self.asked).info
        return replace(self, asked=resolve(self.asked, info))

    def identity(self) -> AnalysisIdentity:
        """Return what a later start must not change."""
        reader = {name: getattr(self.reader, name) for name in ReadOptions.__slots__}
        files = [[file.path, file.size_bytes, file.mtime_ns] for file in self.files]
        # Of a call, `operation` becomes the analyzer's own, which has the name of none of the service's.
        asked = {"operation": self.asked.operation, "analyzer": self.asked.analyzer, **self.asked.to_members()}
        return AnalysisIdentity(files, reader, list(self.text), asked)


class _Run:
    """One start."""

    def __init__(self, given: FileAnalysis, source: Source, store: PartStore, note: Callable[[str], None]) -> None:
        self._given = given
        self._source = source
        self._store = store
        self._note = note
        self._parts: dict[int, StoredPart] = {}
        self._analysis: TableAnalysis | None = None

    def work(self, advance: Advance) -> Summary:
        """Do what isn't done yet; see `FileAnalysis.run`."""
        begun = self._begun()
        name = begun.run if begun else _new_name(self._given.output)
        with self._client(name) as client:
            run, pinned = self._pin(client, begun, name)
            self._store.begin(run)
            # The version that the output was begun with may declare another type than the newest.
            asked = resolve(replace(self._given.asked, result_type=None), pinned.info)
            self._analysis = analysis = TableAnalysis(
                client.ask_arrow,
                self._source.schema,
                self._given.text,
                asked,
                pinned=pinned,
                clock=SystemClock(),
                request_bytes=self._given.request_bytes,
                in_flight=self._given.in_flight,
            )
            with ResultFiles(self._store.directory, _described(analysis, pinned.info, name)) as results:
                before = self._take_up(results, analysis, advance)
                self._go_on(client, analysis, results, before, advance)
            self._store.finish(results.rows, results.dead)
        return self._summary(client, run, pinned.info.name, before)

    def _client(self, job: str) -> Client:
        given = self._given
        return Client(
            given.service,
            api_key=given.api_key,
            retry=given.retry,
            job=job,
            priority=BATCH,
            pool_size=given.in_flight,
            on_advice=self._advised,
            on_retry=self._refused,
        )

    def _pin(self, client: Client, begun: AnalysisFile | None, name: str) -> tuple[AnalysisFile, Pinned]:
        """Return the record of this start, and the analyzer: in the version that the output was begun with."""
        if begun is not None:
            try:
                pinned = pin_with(client, self._given.asked, begun.fingerprint)
            except FingerprintMismatch as error:
                if not self._given.overwrite:
                    raise FingerprintMismatch(f"{error.message}: give --overwrite to start again with it") from error
                self._store.clear()
            else:
                return replace(begun, starts=begun.starts + 1), pinned
        pinned = pin_with(client, self._given.asked)
        return AnalysisFile(name, self._given.identity(), pinned.info.fingerprint, nlpbatch.__version__), pinned

    def _begun(self) -> AnalysisFile | None:
        """Return what is to be gone on with; drop what isn't."""
        try:
            begun = self._store.begun()
            if begun is not None:
                self._store.check(begun, self._given.identity())
                return begun
        except ConfigError:
            if not self._given.overwrite:
                raise
        self._store.clear()
        return None

    def _take_up(self, results: ResultFiles, analysis: TableAnalysis, advance: Advance) -> int:
        """Write the rows of earlier starts; return how many there are."""
        outcomes = Outcomes(analysis.schema, analysis.columns, self._given.asked.columns[0])
        for number, (part, rows) in enumerate(self._store.whole_parts(), 1):
            batches = list(rows)
            results.add(batches, [outcomes.failed(batch) for batch in batches])
            self._parts[number] = part
            advance(part.counts.rows)
        done = self._total.counts.rows
        if done:
            self._note(f"going on after {done:,} rows that are done")
        return done

    def _go_on(
        self, client: Client, analysis: TableAnalysis, results: ResultFiles, skip: int, advance: Advance
    ) -> None:
        outcomes = Outcomes(analysis.schema, analysis.columns, self._given.asked.columns[0])

        def stats() -> TaskStats:
            return analysis.stats + TaskStats.of_client(client.stats.snapshot())

        rows = PartRows(self._store.next_number(), outcomes, stats)
        try:
            with closing(analysis.answer(self._source.batches(skip))) as answered:
                for batch in answered:
                    rows.add(batch)
                    advance(batch.num_rows)
                    if rows.is_full:
                        self._keep(rows)
                        results.add(*rows.split())
                        rows = rows.following()
        except BaseException:
            with suppress(OSError):  # what failed may be the disk
                self._keep(rows)
            if done := self._total.counts.rows:
                self._note(f"{done:,} rows are done: the same command goes on after them")
            raise
        self._parts[rows.number] = rows.part()
        results.add(*rows.split())

    def _keep(self, rows: PartRows) -> None:
        if rows.batches:
            part = rows.part()
            self._store.add(rows.number, part, rows.batches)
            self._parts[rows.number] = part

    @property
    def _total(self) -> StoredPart:
        return reduce(StoredPart.__add__, self._parts.values(), StoredPart(Counts(), 0.0, TaskStats()))

    def _summary(self, client: Client, run: AnalysisFile, analyzer: str, before: int) -> Summary:
        given, total = self._given, self._total
        return Summary(
            input=", ".join(given.inputs),
            output=str(given.output),
            dead_output=str(self._store.dead) if total.counts.dead else None,
            service=client.service,
            analyzer=analyzer,
            fingerprint=run.fingerprint,
            run=run.run,
            files=len(given.files),
            file_bytes=sum(file.size_bytes for file in given.files),
            set_aside=dict(self._source.set_aside),
            counts=total.counts,
            seconds=total.seconds,
            stats=total.stats,
            attempts=run.starts,
            new_rows=total.counts.rows - before,
        )

    def _advised(self, advice: Advice) -> None:
        if self._analysis is not None:
            self._analysis.advised(advice)

    def _refused(self, error: NlpbatchError) -> None:
        if self._analysis is not None:
            self._analysis.refused(error)


def _new_name(output: Path) -> str:
    """Return a unique name for a run; it starts with the output's name, so that operators recognise it."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", output.stem)[:40]
    return f"{readable}-{uuid.uuid4().hex[:12]}"


def _described(analysis: TableAnalysis, info: AnalyzerInfo, run: str) -> pa.Schema:
    """Return the schema with the analyzer's version, in the footer and, as a job has it, on the columns of its answers.

    The footer has what Spark looks for there, unless Spark lacks a type.
    """
    version = {"nlpbatch.analyzer": info.name, "nlpbatch.fingerprint": info.fingerprint}
    firsts = {column.added[0].name: version for column in analysis.columns}
    schema = pa.schema([field.with_metadata(firsts.get(field.name)) for field in analysis.schema])
    try:
        spark = footer_metadata(spark_json(schema, firsts))
    except ValueError:
        spark = {}
    return schema.with_metadata({**version, "nlpbatch.run": run, **spark})
