"""The stages of a recipe: what decides the result of each, and how it is made."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final

from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.dump import MANIFEST, dump
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.records import StageRecord, State, key_of, state_of, withdraw
from nlpbatch.recipe.settings import DESCRIPTION, AnalyzeSettings, SourceSettings
from nlpbatch.spark.job import run as run_analysis
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.runs.columns import text_columns
from nlpbatch.spark.storage import Storage
from nlpbatch.wire.options import DEFAULT_OPTIONS

STAGES: Final = ("dump", "sample", "profile", "analyze", "features")
DUMP: Final = "dump"
ANALYZED: Final = "analyzed"
FEATURES: Final = "features"
ON_SAMPLE: Final = "on-sample"
_SAMPLE_FILE: Final = "sample/sample.parquet"
_BEGUN: Final = "_recipe/analyze.begun"
"""Holds the key of the analysis that was begun last."""
_STAGED_FEATURES: Final = "_recipe/staging/features"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a recipe is to be run.

    Args:
        on_sample: Whether analyze and features take the sample instead of everything.
        stage: The only stage to do; None for all that are not done.
        overwrite: Whether to make anew what is done already: all of it, or the only stage and what is made of that.
        dry_run: Whether to say what would be done, and do nothing.
        service: Address of the proxy, if the recipe names none.
        api_key: The key for it.

    """

    on_sample: bool = False
    stage: str | None = None
    overwrite: bool = False
    dry_run: bool = False
    service: str | None = None
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a recipe.

    Args:
        name: Its name, and that of its record.
        place: Where its record is, and what it makes.
        makes: File there that is written last.
        settings: Returns everything that decides its result, now.
        do: Does it, and returns what there is to tell. `is` among it tells one making from another.
        needs: Stages that it is made of.
        resumes: Whether it looks itself for what is left to do, and so is always begun.

    """

    name: str
    place: Storage
    makes: str
    settings: Callable[[], Mapping[str, Any]]
    do: Callable[[], Mapping[str, Any]]
    needs: tuple[str, ...] = ()
    resumes: bool = False

    def record(self) -> StageRecord | None:
        """Return what is known of its last making."""
        return StageRecord.read(self.place, self.name)

    def state(self) -> State:
        """Return whether it has to be done: it has, too, if somebody deleted what it made."""
        record = self.record()
        return state_of(record, self.settings()) if record is None or self.place.exists(self.makes) else "to do"


class Stages:
    """All stages of one recipe.

    Args:
        spark: Session; with Hive, if the recipe names a table or a query.
        recipe: What to make.
        options: How.
        say: Told what happens, a line at a time.

    """

    def __init__(self, spark: SparkSession, recipe: Recipe, options: RunOptions, say: Callable[[str], None]) -> None:
        self._spark = spark
        self._recipe = recipe
        self._options = options
        self._say = say
        self.base = Storage(spark, recipe.sink.path)
        self.on_sample = Storage(spark, f"{recipe.sink.path.rstrip('/')}/{ON_SAMPLE}")
        self._sink = self.on_sample if options.on_sample else self.base

    def __iter__(self) -> Iterator[Stage]:
        """Yield the stages that the recipe has, in order."""
        recipe = self._recipe
        if recipe.source.query is not None:
            yield Stage("dump", self.base, f"{DUMP}/{MANIFEST}", self._dump_settings, self._dump)
        if recipe.sample is not None:
            yield Stage("sample", self.base, _SAMPLE_FILE, self._sample_settings, self._sample, (DUMP,))
        if recipe.profile is not None:
            yield Stage("profile", self.base, self._last_report(), self._profile_settings, self._profile, ("sample",))
        if recipe.analyze is not None:
            made, needs = f"{ANALYZED}/{layout.SUCCESS}", ("sample",) if self._options.on_sample else (DUMP,)
            yield Stage(
                "analyze", self._sink, made, self._analyze_settings, self._analyze, needs, resumes=self._source_grows()
            )
        if recipe.features is not None:
            made = f"{FEATURES}/{DESCRIPTION}"
            yield Stage("features", self._sink, made, self._features_settings, self._features, ("analyze",))

    def check_places(self) -> None:
        """Refuse to replace a directory with somebody else's files; that of the analysis is looked at by its job.

        Raises:
            ConfigError: A directory that is replaced as a whole is there, and was made by no stage.

        """
        for stage in self:
            directory = stage.makes.partition("/")[0]
            made = stage.record() is not None or stage.place.exists(stage.makes)
            if directory in {DUMP, FEATURES} and not made and stage.place.names(directory):
                raise ConfigError(
                    f"{stage.place.within(directory)} is there and was not made by a recipe: choose another [sink] path"
                )

    def service(self) -> str:
        """Return the address of the service.

        Raises:
            ConfigError: Nobody names one.

        """
        service = self._analysis.service or self._options.service
        if not service:
            raise ConfigError("the service is missing: set [analyze] service, or NLPBATCH_SERVICE")
        return service

    def _last_report(self) -> str:
        return f"profile/{self._analysis.columns[-1]}.json"

    def _source_grows(self) -> bool:
        """Return whether there may be new files: a directory may get some, a dump and a sample don't."""
        return self._recipe.source.files is not None and not self._options.on_sample

    @property
    def _analysis(self) -> AnalyzeSettings:
        return self._recipe.analyze or AnalyzeSettings()

    def _source(self) -> str:
        """Return where the files are, with their file system: Spark's own default isn't everybody's."""
        files = self._recipe.source.files
        return self.base.within(DUMP) if files is None else Storage(self._spark, files).url

    # What decides each stage's result.

    def _before(self, place: Storage, stage: str) -> Mapping[str, Any]:
        """Return what a later stage depends on: how an earlier one was made, and what came of it."""
        record = StageRecord.read(place, stage)
        return {} if record is None else {stage: key_of({"key": record.key, "result": record.result.get("is")})}

    def _dump_settings(self) -> Mapping[str, Any]:
        source = self._recipe.source
        return {"query": source.query, "metastore": source.metastore, "warehouse": source.warehouse}

    def _files(self) -> Mapping[str, Any]:
        source, plain = self._recipe.source, SourceSettings().reading()
        given = {name: value for name, value in source.reading().items() if value != plain[name]}
        return {"files": source.files, **given}

    def _sample_settings(self) -> Mapping[str, Any]:
        return {**asdict(self._recipe.sample), **self._before(self.base, "dump"), **self._files()}  # type: ignore[arg-type]

    def _profile_settings(self) -> Mapping[str, Any]:
        analyze = self._analysis
        of_analysis = {"columns": list(analyze.columns), "analyzer": analyze.analyzer}
        return {**asdict(self._recipe.profile), **of_analysis, **self._before(self.base, "sample")}  # type: ignore[arg-type]

    def _analyze_settings(self) -> Mapping[str, Any]:
        analyze = asdict(self._analysis)
        names = ("columns", "operation", "options", "analyzer", "fields", "tags", "where")
        decides = {name: analyze[name] for name in names if name != "where" or analyze[name] is not None}
        return {**decides, **self._before(self.base, "sample" if self._options.on_sample else "dump"), **self._files()}

    def _features_settings(self) -> Mapping[str, Any]:
        sink = self._recipe.sink
        of_sink = {"format": sink.format, "partition_by": list(sink.partition_by)}
        return {**asdict(self._recipe.features), **of_sink, **self._before(self._sink, "analyze")}  # type: ignore[arg-type]

    # How each is made.

    def _dump(self) -> Mapping[str, Any]:
        withdrawn = partial(withdraw, self.base, "dump")
        manifest = dump(self._spark, self.base, str(self._recipe.source.query), DUMP, before_replacing=withdrawn)
        return {"rows": manifest["rows"], "bytes": manifest["bytes"], "is": manifest["snapshot_at"]}

    def _sample(self) -> Mapping[str, Any]:
        from nlpbatch.recipe.sampled import draw  # noqa: PLC0415  (an extra)

        assert self._recipe.sample is not None  # noqa: S101  (there is no such stage without)
        withdraw(self.base, "sample")
        design = draw(self._recipe.sample, self._recipe.source, self._source(), self.base, _SAMPLE_FILE)
        for note in design.notes:
            self._say(f"sample: {note}")
        told = {name: getattr(design, name) for name in ("rows", "rows_total", "read_bytes", "total_bytes")}
        return {**told, "is": now_text()}

    def _profile(self) -> Mapping[str, Any]:
        from nlpbatch.recipe.report import make_report  # noqa: PLC0415  (an extra)

        withdraw(self.base, "profile")
        return make_report(self._recipe, self.base, _SAMPLE_FILE, service=self.service(), api_key=self._options.api_key)

    def _analyze(self) -> Mapping[str, Any]:
        self._begin_analysis()
        given: dict[str, Any] = {
            "output": self._sink.within(ANALYZED),
            "service": self.service(),
            "api_key": self._options.api_key,
        }
        if self._options.on_sample:
            given |= {"input": self.base.within("sample"), "format": "parquet"}
        else:
            given |= {"input": self._source(), **self._recipe.source.reading()}
        try:
            report = run_analysis(self._spark, self._analysis.job_options(**given))
        except ConfigError as error:
            raise ConfigError(f"analyze: {error.message}; in a recipe, --overwrite makes it anew") from error
        told = {name: getattr(report, name) for name in ("rows", "dead", "fingerprint", "run")}
        return {**told, "is": [report.run, report.rows, report.dead]}

    def _begin_analysis(self) -> None:
        """Make room for an analysis that is made otherwise; one that was begun with the same settings goes on."""
        key, begun = key_of(self._analyze_settings()), None
        if self._sink.exists(_BEGUN):
            begun = self._sink.read_text(_BEGUN)
        elif (record := StageRecord.read(self._sink, "analyze")) is not None:
            begun = record.key
        if self._options.overwrite or (begun is not None and begun != key):
            withdraw(self._sink, "analyze")
            self._sink.delete(ANALYZED)
        if begun != key:
            self._sink.write_text(_BEGUN, key)

    def _features(self) -> Mapping[str, Any]:
        from nlpbatch.recipe.features import features  # noqa: PLC0415  (pyspark.ml needs numpy)

        settings = self._recipe.features
        assert settings is not None  # noqa: S101  (there is no such stage without)
        analysed = self._sink.within(ANALYZED)
        texts = text_columns(self._spark.read.parquet(analysed).schema, self._analysis.columns, DEFAULT_OPTIONS)
        staged = Storage(self._spark, self._sink.within(_STAGED_FEATURES))
        staged.delete()
        record = StageRecord.read(self._sink, "analyze")
        origin = {} if record is None else {name: record.result[name] for name in ("fingerprint", "run")}
        made = features(
            self._spark, analysed, texts, settings=settings, sink=self._recipe.sink, origin=origin, target=staged
        )
        withdraw(self._sink, "features")
        self._sink.delete(FEATURES)
        self._sink.move(_STAGED_FEATURES, FEATURES)
        return {"rows": made["rows"], "vocabulary": made["vocabulary"]}
