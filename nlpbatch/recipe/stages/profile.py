"""profile: the report of the sample."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nlpbatch.recipe.records import withdraw
from nlpbatch.recipe.settings import ProfileSettings
from nlpbatch.recipe.stages.stage import SAMPLE_FILE, Stage, predecessor


class ProfileStage(Stage):
    """Writes a report for each text column."""

    name = "profile"

    @property
    def makes(self) -> str:
        """Return the file, within `storage`, that is written last."""
        return f"profile/{self._context.analysis.columns[-1]}.json"

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""
        return ("sample",)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""
        analysis, settings = self._context.analysis, self._context.recipe.profile or ProfileSettings()
        of_analysis = {"columns": list(analysis.columns), "analyzer": analysis.analyzer}
        return {**asdict(settings), **of_analysis, **predecessor(self._context.base, "sample")}

    def run(self) -> Mapping[str, Any]:
        """Write the reports; return where they are."""
        from nlpbatch.recipe.report import make_report  # noqa: PLC0415  (an extra)

        context = self._context
        withdraw(context.base, self.name)
        api_key = context.options.api_key
        return make_report(context.recipe, context.base, SAMPLE_FILE, service=context.service(), api_key=api_key)
