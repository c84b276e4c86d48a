"""What the stages of a recipe have in common: where they read and write, and when one has to be run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from pyspark.sql import SparkSession

from nlpbatch.client.address import parse_addresses
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.records import StageRecord, State, key_of, state_of
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.settings import AnalyzeSettings, SourceSettings
from nlpbatch.spark.storage import Storage

DUMP: Final = "dump"
SAMPLE_FILE: Final = "sample/sample.parquet"
ANALYZED: Final = "analyzed"
FEATURES: Final = "features"
_ON_SAMPLE: Final = "on-sample"


class StageContext:
    """What all stages of one run share; `check_lease`, before a result is replaced, raises if another driver has it.

    Args:
        spark: Session; with Hive, if the recipe names a table or a query.
        recipe: What to make.
        options: How.
        say: Gets what happens, a line at a time.

    """

    def __init__(self, spark: SparkSession, recipe: Recipe, options: RunOptions, say: Callable[[str], None]) -> None:
        self.spark = spark
        self.recipe = recipe
        self.options = options
        self.say = say
        self.check_lease: Callable[[], None] = _nobody_else
        self.base = Storage(spark, recipe.sink.path)
        self.on_sample = Storage(spark, f"{recipe.sink.path.rstrip('/')}/{_ON_SAMPLE}")

    @property
    def sink(self) -> Storage:
        """Return where analyze and features write: everything, or what is made of the sample."""
        return self.on_sample if self.options.on_sample else self.base

    @property
    def analysis(self) -> AnalyzeSettings:
        """Return what is analysed."""
        return self.recipe.analyze or AnalyzeSettings()

    def service(self) -> str:
        """Return the address of the service; several with commas between them.

        Raises:
            ConfigError: Neither the recipe nor the options name one, or it can't be used.

        """
        service = self.analysis.service or self.options.service
        if not service:
            raise ConfigError("the service is missing: set [analyze] service, or NLPBATCH_SERVICE")
        parse_addresses(service)
        return service

    def source_url(self) -> str:
        """Return where the files are, with their file system, because not everybody has Spark's default."""
        files = self.recipe.source.files
        return self.base.within(DUMP) if files is None else Storage(self.spark, files).url

    def source_settings(self) -> Mapping[str, Any]:
        """Return the files, and how they are read where that is not the default."""
        source, plain = self.recipe.source, SourceSettings().reading()
        given = {name: value for name, value in source.reading().items() if value != plain[name]}
        return {"files": source.files, **given}


class Stage(ABC):
    """One stage of a recipe; `name` is also that of its record.

    Args:
        context: What all stages of the run share.

    """

    name: ClassVar[str]

    def __init__(self, context: StageContext) -> None:
        self._context = context

    @property
    def storage(self) -> Storage:
        """Return where its record and its result are."""
        return self._context.base

    @property
    @abstractmethod
    def makes(self) -> str:
        """Return the file, within `storage`, that is written last."""

    @property
    @abstractmethod
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""

    @property
    def resumes(self) -> bool:
        """Return whether it finds out itself what is left to do, and so is always run."""
        return False

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Return everything that decides its result, as it is now."""

    @abstractmethod
    def run(self) -> Mapping[str, Any]:
        """Run it; return what its record reports. Member `is` identifies the result among those of all runs."""

    def record(self) -> StageRecord | None:
        """Return the record of its last run."""
        return StageRecord.read(self.storage, self.name)

    def state(self) -> State:
        """Return whether it has to be run, which is also the case if its result was deleted."""
        record = self.record()
        return state_of(record, self.settings()) if record is None or self.storage.exists(self.makes) else "to do"


def _nobody_else() -> None:
    """Accept: without a run there is no lease."""


def predecessor(storage: Storage, stage: str) -> Mapping[str, Any]:
    """Return what a later stage depends on: how an earlier one was made, and its result."""
    record = StageRecord.read(storage, stage)
    return {} if record is None else {stage: key_of({"key": record.key, "result": record.result.get("is")})}
