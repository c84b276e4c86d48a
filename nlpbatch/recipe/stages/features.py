"""features: what a model gets of the analysed documents."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from nlpbatch.recipe.records import StageRecord, withdraw
from nlpbatch.recipe.settings import DESCRIPTION, FeatureSettings
from nlpbatch.recipe.stages.stage import ANALYZED, FEATURES, Stage, predecessor
from nlpbatch.spark.runs.columns import text_columns
from nlpbatch.spark.storage import Storage
from nlpbatch.wire.options import DEFAULT_OPTIONS

_STAGED: Final = "_recipe/staging/features"


class FeaturesStage(Stage):
    """Makes vectors and sequences of the tokens."""

    name = "features"

    @property
    def storage(self) -> Storage:
        """Return where its record and its result are."""
        return self._context.sink

    @property
    def makes(self) -> str:
        """Return the file, within `storage`, that is written last."""
        return f"{FEATURES}/{DESCRIPTION}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""
        expect = self._context.recipe.expect
        return ("analyze", "expect-errors") if expect is not None and expect.error_ratio is not None else ("analyze",)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""
        sink = self._context.recipe.sink
        of_sink = {"format": sink.format, "partition_by": list(sink.partition_by)}
        return {**asdict(self._settings), **of_sink, **predecessor(self.storage, "analyze")}

    def run(self) -> Mapping[str, Any]:
        """Make them; return the rows of each part and the size of the vocabulary."""
        from nlpbatch.recipe.feature_columns import write_features  # noqa: PLC0415  (pyspark.ml needs numpy)

        context = self._context
        analysed = self.storage.within(ANALYZED)
        texts = text_columns(context.spark.read.parquet(analysed).schema, context.analysis.columns, DEFAULT_OPTIONS)
        staged = Storage(context.spark, self.storage.within(_STAGED))
        staged.delete()
        record = StageRecord.read(self.storage, "analyze")
        origin = {} if record is None else {name: record.result[name] for name in ("fingerprint", "run")}
        made = write_features(
            context.spark,
            analysed,
            texts,
            settings=self._settings,
            sink=context.recipe.sink,
            origin=origin,
            target=staged,
        )
        context.check_lease()
        withdraw(self.storage, self.name)
        self.storage.delete(FEATURES)
        self.storage.move(_STAGED, FEATURES)
        return {"rows": made["rows"], "vocabulary": made["vocabulary"]}

    @property
    def _settings(self) -> FeatureSettings:
        return self._context.recipe.features or FeatureSettings()
