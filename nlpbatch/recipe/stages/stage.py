"""What the stages of a recipe have in common: where they read and write, and when one has to be run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final

from pyspark.sql import DataFrame, SparkSession

from nlpbatch.client.address import parse_addresses
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.records import StageRecord, State, key_of, state_of, withdraw
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.settings import AnalyzeSettings
from nlpbatch.recipe.source_rows import contents_of, read_table
from nlpbatch.recipe.stages.manifest import MANIFEST, write_manifest
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.storage import Storage

DUMP: Final = "dump"
SAMPLE_FILE: Final = "sample/sample.parquet"
ANALYZED: Final = "analyzed"
FEATURES: Final = "features"
PREPARING: Final = ("join", "clean")
"""Stages that make other rows of the dump's, the files' or the sample's, in order."""
DIRECTORIES: Final = {DUMP: DUMP, "sample": "sample", "join": "joined", "clean": "cleaned"}
"""Where each stage leaves rows that a later one reads, as Parquet."""
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

    def storage_of(self, stage: str) -> Storage:
        """Return where the record and the rows of a stage are."""
        return self.base if stage in {DUMP, "sample"} else self.sink

    def stage_before(self, stage: str) -> str:
        """Return the stage whose rows a stage reads: the last that prepares them before it, else the first of all."""
        before = PREPARING[: PREPARING.index(stage)] if stage in PREPARING else PREPARING
        present = [name for name in before if getattr(self.recipe, name) is not None]
        first = "sample" if self.options.on_sample else DUMP
        return present[-1] if present else first

    def reads_files(self, stage: str) -> bool:
        """Return whether a stage reads the source's own files."""
        return self.recipe.source.files is not None and self.stage_before(stage) == DUMP

    def rows_url(self, stage: str) -> str:
        """Return where the rows are that a stage reads."""
        before = self.stage_before(stage)
        if self.reads_files(stage):
            return self.source_url()
        return self.storage_of(before).within(DIRECTORIES[before])

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
        return self.recipe.source.origin()


class Stage(ABC):
    """One stage of a recipe; `name` is also that of its record.

    Args:
        context: What all stages of the run share.

    """

    name: ClassVar[str]
    changes_rows: ClassVar[bool] = True
    """Whether stages after it are made of what it makes; those that only check have to be done first, no more."""

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

    @property
    def warnings(self) -> Sequence[str]:
        """Return what its last run found that somebody should look at."""
        return ()

    @property
    def rows_from(self) -> Mapping[str, Any]:
        """Return what decides the rows that it reads: the stage before it, or the files, as they were at first."""
        context = self._context
        before = context.stage_before(self.name)
        made = predecessor(context.storage_of(before), before)
        if not context.reads_files(self.name):
            return made
        return {**made, **context.source_settings(), "contents": self._contents}

    def rows(self) -> DataFrame:
        """Return the rows that it reads, not evaluated yet; of records that can't be parsed there is only `CORRUPT`.

        Raises:
            ConfigError: The files can't be read.

        """
        context = self._context
        if context.reads_files(self.name):
            return read_table(context.spark, context.recipe.source, "source")
        return context.spark.read.parquet(context.rows_url(self.name))

    @cached_property
    def _contents(self) -> str:
        return contents_of(self._context.spark, self._context.source_url(), "source")

    def record(self) -> StageRecord | None:
        """Return the record of its last run."""
        return StageRecord.read(self.storage, self.name)

    def state(self) -> State:
        """Return whether it has to be run, which is also the case if its result was deleted."""
        record = self.record()
        return state_of(record, self.settings()) if record is None or self.storage.exists(self.makes) else "to do"


def _nobody_else() -> None:
    """Accept: without a run there is no lease."""


class PreparingStage(Stage):
    """A stage that makes other rows of those that it reads, in a directory of its own."""

    @property
    def storage(self) -> Storage:
        """Return where its record and its rows are."""
        return self._context.sink

    @property
    def makes(self) -> str:
        """Return the file, within `storage`, that is written last."""
        return f"{DIRECTORIES[self.name]}/{MANIFEST}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the stages that it is made of."""
        return (self._context.stage_before(self.name),)

    def put_in_place(self, staged: str, figures: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replace its rows by those in a directory, with a manifest; return what its record reports.

        Args:
            staged: The directory, within `storage`.
            figures: What is reported.

        """
        made_at = now_text()
        write_manifest(self.storage, staged, {"made_at": made_at, **figures})
        self._context.check_lease()
        withdraw(self.storage, self.name)
        self.storage.delete(DIRECTORIES[self.name])
        self.storage.move(staged, DIRECTORIES[self.name])
        return {**figures, "is": made_at}


def predecessor(storage: Storage, stage: str) -> Mapping[str, Any]:
    """Return what a later stage depends on: how an earlier one was made, and its result."""
    record = StageRecord.read(storage, stage)
    return {} if record is None else {stage: key_of({"key": record.key, "result": record.result.get("is")})}
