"""sample: rows of the source, to look at."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nlpbatch.recipe.records import withdraw
from nlpbatch.recipe.settings import SampleSettings
from nlpbatch.recipe.stages.stage import DUMP, SAMPLE_FILE, Stage, predecessor
from nlpbatch.spark.runs.attempts import now_text


class SampleStage(Stage):
    """Draws the sample from the dump or the files."""

    name = "sample"

    @property
    def makes(self) -> str:
        """Return the file, within `storage`, that is written last."""
        return SAMPLE_FILE

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""
        return (DUMP,)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""
        before = predecessor(self._context.base, DUMP)
        return {**asdict(self._settings), **before, **self._context.source_settings()}

    def run(self) -> Mapping[str, Any]:
        """Draw it; return how many rows and bytes it has, and of how many."""
        from nlpbatch.recipe.sampled import draw  # noqa: PLC0415  (an extra)

        context = self._context
        withdraw(context.base, self.name)
        design = draw(self._settings, context.recipe.source, context.source_url(), context.base, SAMPLE_FILE)
        for note in design.notes:
            context.say(f"sample: {note}")
        counts = {name: getattr(design, name) for name in ("rows", "rows_total", "read_bytes", "total_bytes")}
        return {**counts, "is": now_text()}

    @property
    def _settings(self) -> SampleSettings:
        return self._context.recipe.sample or SampleSettings()
