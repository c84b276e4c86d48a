"""analyze: the analysis job on the dump, the files or the sample."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.records import StageRecord, key_of, withdraw
from nlpbatch.recipe.stages.stage import ANALYZED, Stage, predecessor
from nlpbatch.spark.job import run as run_analysis
from nlpbatch.spark.runs import layout
from nlpbatch.spark.storage import Storage

_STARTED: Final = "_recipe/analyze.begun"
"""Holds the key of the analysis that was started last."""
_DECIDING: Final = ("columns", "operation", "options", "analyzer", "fields", "tags", "where")
_REPORTED: Final = ("rows", "new_rows", "dead", "nulls", "tokens", "text_bytes", "fingerprint", "run")


class AnalyzeStage(Stage):
    """Analyses the text columns."""

    name = "analyze"

    @property
    def storage(self) -> Storage:
        """Return where its record and its result are."""
        return self._context.sink

    @property
    def makes(self) -> str:
        """Return the file, within `storage`, that is written last."""
        return f"{ANALYZED}/{layout.SUCCESS}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""
        expect = self._context.recipe.expect
        checks = ("expect",) if expect is not None and expect.of_rows else ()
        return (self._context.stage_before(self.name), *checks)

    @property
    def resumes(self) -> bool:
        """Return whether there may be new files: a directory may get some, a dump and a sample don't."""
        return self._context.reads_files(self.name)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""
        analyze = asdict(self._context.analysis)
        decides = {name: analyze[name] for name in _DECIDING if name != "where" or analyze[name] is not None}
        before = self._context.stage_before(self.name)
        made = predecessor(self._context.storage_of(before), before)
        table = {} if self._table is None else {"table": self._table}
        return {**decides, **made, **self._context.source_settings(), **table}

    def run(self) -> Mapping[str, Any]:
        """Run the job; return its counts, its name and the analyzer's fingerprint."""
        self._make_room()
        context = self._context
        given: dict[str, Any] = {
            "input": context.rows_url(self.name),
            "output": self.storage.within(ANALYZED),
            "service": context.service(),
            "api_key": context.options.api_key,
        }
        if self._table is not None:
            sink = context.recipe.sink
            given |= {"output_table": sink.table, "table_format": sink.table_format}
            given |= {"evolve_schema": sink.evolve_schema}
        given |= context.recipe.source.reading() if context.reads_files(self.name) else {"format": "parquet"}
        try:
            report = run_analysis(context.spark, context.analysis.job_options(**given))
        except ConfigError as error:
            raise ConfigError(
                f"analyze: {error.message}; in a recipe, --overwrite analyses everything again"
            ) from error
        figures = {name: getattr(report, name) for name in _REPORTED}
        if report.work.analysed_bytes is not None:
            figures["analysed_bytes"] = report.work.analysed_bytes
        return {**figures, "errors": dict(report.errors), "is": [report.run, report.rows, report.dead]}

    @property
    def _table(self) -> str | None:
        """Return the table that gets the rows; those of a sample are written as files."""
        return None if self._context.options.on_sample else self._context.recipe.sink.table

    def _make_room(self) -> None:
        """Delete an analysis that was started with different settings; one with the same settings is resumed."""
        key, started = key_of(self.settings()), None
        if self.storage.exists(_STARTED):
            started = self.storage.read_text(_STARTED)
        elif (record := StageRecord.read(self.storage, self.name)) is not None:
            started = record.key
        if self._context.options.overwrite or (started is not None and started != key):
            if self._table is not None and started is not None:
                raise ConfigError(
                    f"the analysis was made with other settings, or --overwrite was given, and its rows are in table "
                    f"{self._table}, where they stay: name another [sink] table and path, or delete both yourself"
                )
            withdraw(self.storage, self.name)
            self.storage.delete(ANALYZED)
        if started != key:
            self.storage.write_text(_STARTED, key)
