"""expect and expect-errors: whether the rows, and then their analysis, are as they must be."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nlpbatch.errors import ExpectationBreached
from nlpbatch.recipe.expectations import Check, DataFigures, check_errors, check_rows
from nlpbatch.recipe.figures import figures_of
from nlpbatch.recipe.preparation_settings import ExpectSettings
from nlpbatch.recipe.records import StageRecord
from nlpbatch.recipe.source_rows import parsed, require_columns
from nlpbatch.recipe.stages.stage import Stage, predecessor
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.storage import Storage


class _ExpectStage(Stage):
    """Checks something; a breach stops the recipe, or is a warning of the record."""

    changes_rows = False

    @property
    def storage(self) -> Storage:
        """Return where its record and its report are."""
        return self._context.sink

    @property
    def makes(self) -> str:
        """Return the report, within `storage`."""
        return f"expect/{self.name}.json"

    @property
    def warnings(self) -> Sequence[str]:
        """Return the breaches that didn't stop the recipe."""
        record = self.record()
        return () if record is None else tuple(record.result["breaches"])

    @abstractmethod
    def check(self) -> tuple[list[Check], Mapping[str, Any]]:
        """Return all checks, and further members of the result."""

    def run(self) -> Mapping[str, Any]:
        """Write the report; return the number of checks, and the breaches.

        Raises:
            ExpectationBreached: A check doesn't hold, and `on_breach` is "stop".

        """
        checks, figures = self.check()
        breaches = [str(check) for check in checks if not check.holds]
        shown = [{**asdict(check), "holds": check.holds} for check in checks]
        report = {"checked_at": now_text(), "on_breach": self._settings.on_breach, "checks": shown, **figures}
        self.storage.make_directory("expect")
        self.storage.write_text(self.makes, json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        if breaches and self._settings.on_breach == "stop":
            raise ExpectationBreached(
                f"{self.name}: {'; '.join(breaches)}: see {self.storage.within(self.makes)}; correct the data or the "
                'bounds, or accept it with [expect] on_breach = "warn"'
            )
        return {"checks": len(checks), "breaches": breaches, **figures}

    @property
    def _settings(self) -> ExpectSettings:
        return self._context.recipe.expect or ExpectSettings()


class ExpectStage(_ExpectStage):
    """Checks the rows that are going to be analysed, before `where`."""

    name = "expect"

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""
        return (self._context.stage_before(self.name),)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""
        given = {name: value for name, value in asdict(self._settings).items() if name != "error_ratio"}
        return {**given, "columns": list(self._context.analysis.columns), **self.rows_from}

    def check(self) -> tuple[list[Check], Mapping[str, Any]]:
        """Return the checks, and the figures that the next run is compared with."""
        settings, texts = self._settings, self._context.analysis.columns
        df = parsed(self.rows())
        label = [settings.label] if settings.label else []
        named = {"[expect] null_share": settings.null_share, "[expect] label": label, "[analyze] columns": texts}
        require_columns(df, named)
        counted = tuple(dict.fromkeys((*settings.null_share, *texts, *label)))
        found = figures_of(df, texts=texts, nulls=counted, label=settings.label)
        record = self.record() if settings.against == "run" else self._neighbours_record()
        before = None if record is None else DataFigures.of_record(record.result)
        checks = check_rows(settings, found, before, is_sample=self._context.options.on_sample)
        return checks, {"figures": asdict(found)}

    def _neighbours_record(self) -> StageRecord | None:
        """Return the record of the output that is the last one before this by name, such as that of the day before."""
        context = self._context
        parent, _, own = context.base.url.rstrip("/").rpartition("/")
        below = self.storage.url.removeprefix(context.base.url)
        for name in reversed(Storage(context.spark, parent).names()):
            if name < own and (
                record := StageRecord.read(Storage(context.spark, f"{parent}/{name}{below}"), self.name)
            ):
                return record
        return None


class ExpectErrorsStage(_ExpectStage):
    """Checks how many rows of the analysis failed."""

    name = "expect-errors"

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""
        return ("analyze",)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""
        given = {"error_ratio": self._settings.error_ratio, "on_breach": self._settings.on_breach}
        return {**given, **predecessor(self.storage, "analyze")}

    def check(self) -> tuple[list[Check], Mapping[str, Any]]:
        """Return the check; it counts what the analysis counted."""
        record = StageRecord.read(self.storage, "analyze")
        result = {"rows": 0, "dead": 0} if record is None else record.result
        return check_errors(self._settings, result["rows"], result["dead"]), {}
