"""Makes of a recipe what it says, stage by stage; what is done for the same inputs isn't done again."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.dump import MANIFEST, dump, frame
from nlpbatch.recipe.records import StageRecord, State, changes, key_of, state_of
from nlpbatch.recipe.settings import Analyze, Recipe
from nlpbatch.spark.job import run as run_analysis
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.runs.columns import text_columns
from nlpbatch.spark.storage import Storage
from nlpbatch.wire.options import DEFAULT_OPTIONS

STAGES: Final = ("dump", "sample", "profile", "analyze", "features")
ON_SAMPLE: Final = "on-sample"
_SAMPLE_FILE: Final = "sample/sample.parquet"
_DIRECTORIES: Final = {"dump": "dump", "analyze": "analyzed", "features": "features"}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a recipe is to be run.

    Args:
        on_sample: Whether analyze and features take the sample instead of everything.
        stage: The only stage to do; None for all that are not done.
        overwrite: Whether a dump that was made otherwise may be replaced, and what was made of it.
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
        settings: Returns everything that decides its result, now.
        do: Does it, and returns what there is to tell.
        resumes: Whether it looks itself for what is left to do, and so is always begun.

    """

    name: str
    settings: Callable[[], Mapping[str, Any]]
    do: Callable[[], Mapping[str, Any]]
    resumes: bool = False


class RecipeRun:
    """One run of a recipe.

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
        self._base = Storage(spark, recipe.sink.path)
        self._sink = Storage(spark, f"{recipe.sink.path.rstrip('/')}/{ON_SAMPLE}") if options.on_sample else self._base
        if options.on_sample and recipe.sample is None:
            raise ConfigError("--on sample needs to know which: add [sample] to the recipe")

    def run(self) -> None:
        """Do what is to be done.

        Raises:
            ConfigError: The recipe doesn't fit the data, or a stage is missing that another one needs.
            NlpbatchError: A stage failed; those before it are done, and the next run goes on after them.

        """
        stages = list(self._stages())
        names = [stage.name for stage in stages]
        if self._options.stage is not None and self._options.stage not in names:
            raise ConfigError(
                f"--stage {self._options.stage}: the recipe has no such stage: choose from {', '.join(names) or 'none'}"
            )
        self._check_early()
        for stage in stages:
            wanted = self._options.stage in (None, stage.name)
            if self._options.dry_run:
                self._tell(stage)
            elif wanted:
                self._do(stage)
            elif names.index(stage.name) < names.index(str(self._options.stage)):
                self._need(stage)
        if self._options.dry_run:
            self._estimate()

    def _check_early(self) -> None:
        """Find what is wrong with a query before anything is done, even if its dump is there."""
        query = self._recipe.source.query
        if query is not None and self._options.stage in (None, "dump") and self._state("dump")[0] != "done":
            frame(self._spark, query, self._texts())

    def _do(self, stage: Stage) -> None:
        state, record = self._state_of(stage)
        if state == "done" and not stage.resumes:
            self._say(f"{stage.name}: done already")
            return
        if record is not None and state == "stale":
            what = "; ".join(changes(record, stage.settings()))
            if stage.name == "dump" and not self._options.overwrite:
                raise ConfigError(
                    f"the dump at {self._base.within('dump')} was made otherwise: {what}: "
                    "give --overwrite to replace it and all that was made of it, or another [sink] path"
                )
            self._say(f"{stage.name}: stale, {what}")
        if stage.name not in ("analyze", "dump"):
            self._say(f"{stage.name}: begun")
        began_s = time.monotonic()
        result = stage.do()
        settings = stage.settings()
        place = self._place(stage.name)
        done = StageRecord(
            stage.name, key_of(settings), settings, now_text(), round(time.monotonic() - began_s, 3), result
        )
        done.write(place)
        self._say(f"{stage.name}: done in {done.seconds:,.1f} s{_told(result)}")

    def _need(self, stage: Stage) -> None:
        """Refuse a stage that would be made of what isn't there, or of what is stale."""
        state, record = self._state_of(stage)
        if state == "to do":
            raise ConfigError(f"--stage {self._options.stage} needs {stage.name}, which isn't done: run that first")
        if state == "stale" and record is not None:
            raise ConfigError(
                f"--stage {self._options.stage} needs {stage.name}, which is stale "
                f"({'; '.join(changes(record, stage.settings()))}): run that first"
            )

    def _tell(self, stage: Stage) -> None:
        state, record = self._state_of(stage)
        if state == "stale" and record is not None:
            self._say(f"{stage.name}: stale, {'; '.join(changes(record, stage.settings()))}")
        else:
            told = "" if record is None else f" at {record.ended_at}{_told(record.result)}"
            self._say(f"{stage.name}: {state}{told}")

    def _estimate(self) -> None:
        """Say how much there is to do, from what is known: a dump's manifest, the sample, and the speed on it."""
        manifest, drawn = self._record("dump"), self._record("sample")
        rows = size = None
        if manifest is not None:
            rows, size = manifest.result["rows"], manifest.result["bytes"]
        elif self._recipe.source.files is not None:
            size = Storage(self._spark, self._recipe.source.files).size_bytes()
            rows = None if drawn is None else drawn.result["rows_total"]
        before = "the dump" if self._recipe.source.query is not None else "the sample"
        known = [f"{rows:,} documents" if rows is not None else f"documents unknown before {before}"]
        known.append(f"{size:,} bytes" if size is not None else f"bytes unknown before {before}")
        speed = self._speed()
        if speed and rows is not None:
            known.append(f"{rows / speed / 3600:,.2f} hours of analysis at {speed:,.0f} documents/s, as on the sample")
        else:
            known.append("hours unknown: run it with --on sample first")
        self._say(f"everything: {', '.join(known)}")

    def _speed(self) -> float | None:
        for place in (Storage(self._spark, f"{self._recipe.sink.path.rstrip('/')}/{ON_SAMPLE}"), self._base):
            name = f"{_DIRECTORIES['analyze']}/{layout.SUMMARY}"
            if place.exists(name):
                speed: float = json.loads(place.read_text(name))["documents_per_s"]
                return speed or None
        return None

    def _stages(self) -> Iterator[Stage]:
        recipe = self._recipe
        if recipe.source.query is not None:
            yield Stage("dump", self._dump_settings, self._dump)
        if recipe.sample is not None:
            yield Stage("sample", self._sample_settings, self._sample)
        if recipe.profile is not None:
            yield Stage("profile", self._profile_settings, self._profile)
        if recipe.analyze is not None:
            yield Stage("analyze", self._analyze_settings, self._analyze, resumes=self._source_grows())
        if recipe.features is not None:
            yield Stage("features", self._features_settings, self._features)

    def _source_grows(self) -> bool:
        """Return whether there may be new files: a directory may get some, a dump and a sample don't."""
        return self._recipe.source.files is not None and not self._options.on_sample

    # What decides each stage's result.

    def _dump_settings(self) -> Mapping[str, Any]:
        return {"query": self._recipe.source.query, "metastore": self._recipe.source.metastore}

    def _sample_settings(self) -> Mapping[str, Any]:
        return {**asdict(self._recipe.sample), **self._before("dump"), "files": self._recipe.source.files}  # type: ignore[arg-type]

    def _profile_settings(self) -> Mapping[str, Any]:
        analyze = self._analysis
        of_analysis = {"columns": list(analyze.columns), "analyzer": analyze.analyzer}
        return {**asdict(self._recipe.profile), **of_analysis, **self._before("sample")}  # type: ignore[arg-type]

    def _analyze_settings(self) -> Mapping[str, Any]:
        analyze = asdict(self._analysis)
        decides = {name: analyze[name] for name in ("columns", "operation", "options", "analyzer", "fields", "tags")}
        before = self._before("sample") if self._options.on_sample else self._before("dump")
        return {**decides, **before, "files": self._recipe.source.files}

    def _features_settings(self) -> Mapping[str, Any]:
        sink = self._recipe.sink
        of_sink = {"format": sink.format, "partition_by": list(sink.partition_by)}
        return {**asdict(self._recipe.features), **of_sink, **self._before("analyze")}  # type: ignore[arg-type]

    def _before(self, stage: str) -> Mapping[str, Any]:
        """Return what a later stage depends on: how an earlier one was made, and what came of it."""
        record = self._record(stage)
        return {} if record is None else {stage: key_of({"key": record.key, "result": record.result.get("is")})}

    # What each stage does. `is` in a result tells one making of it from another.

    def _dump(self) -> Mapping[str, Any]:
        self._say("dump: begun")
        if self._base.exists("dump") and not self._base.exists(f"dump/{MANIFEST}"):
            raise ConfigError(
                f"{self._base.within('dump')} is there and no dump of a recipe: choose another [sink] path"
            )
        query = str(self._recipe.source.query)
        manifest = dump(self._spark, self._base, query, self._texts(), "dump")
        return {"rows": manifest["rows"], "bytes": manifest["bytes"], "is": manifest["snapshot_at"]}

    def _sample(self) -> Mapping[str, Any]:
        from nlpbatch.sampling import SampleOptions, sample, write_sample  # noqa: PLC0415  (an extra)

        given = asdict(self._recipe.sample)  # type: ignore[arg-type]
        drawn = sample(self._source(), SampleOptions(**given))
        missing = [name for name in self._texts() if name not in drawn.table.schema.names]
        if missing:
            raise ConfigError(
                f"the data has no column {missing[0]!r}, which [analyze] names: "
                f"choose from {', '.join(drawn.table.schema.names)}"
            )
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "sample.parquet"
            write_sample(drawn, file)
            self._base.make_directory("sample")
            self._base.put(file, _SAMPLE_FILE)
        for note in drawn.design.notes:
            self._say(f"sample: {note}")
        design = drawn.design
        return {
            "rows": design.rows,
            "rows_total": design.rows_total,
            "read_bytes": design.read_bytes,
            "total_bytes": design.total_bytes,
            "is": now_text(),
        }

    def _profile(self) -> Mapping[str, Any]:
        from nlpbatch.recipe.report import make_report  # noqa: PLC0415  (an extra)

        return make_report(
            self._recipe, self._base, _SAMPLE_FILE, service=self._service(), api_key=self._options.api_key
        )

    def _analyze(self) -> Mapping[str, Any]:
        record = self._record("analyze")
        stale = record is not None and record.key != key_of(self._analyze_settings())
        analyze = self._analysis
        source = self._base.within("sample") if self._options.on_sample else self._source()
        report = run_analysis(
            self._spark,
            analyze.job_options(
                input=source,
                output=self._sink.within(_DIRECTORIES["analyze"]),
                service=self._service(),
                api_key=self._options.api_key,
                format=None
                if self._options.on_sample or self._recipe.source.files is None
                else self._recipe.source.format,
                overwrite=stale,
            ),
        )
        return {
            "rows": report.rows,
            "dead": report.dead,
            "fingerprint": report.fingerprint,
            "run": report.run,
            "is": [report.run, report.rows, report.dead],
        }

    def _features(self) -> Mapping[str, Any]:
        from nlpbatch.recipe.features import features  # noqa: PLC0415  (pyspark.ml needs numpy)

        settings = self._recipe.features
        assert settings is not None  # noqa: S101  (there is no such stage without)
        analysed = self._sink.within(_DIRECTORIES["analyze"])
        texts = text_columns(self._spark.read.parquet(analysed).schema, self._analysis.columns, DEFAULT_OPTIONS)
        staged = Storage(self._spark, self._sink.within("_recipe/staging/features"))
        staged.delete()
        record = self._record("analyze")
        origin = {} if record is None else {name: record.result[name] for name in ("fingerprint", "run")}
        made = features(
            self._spark, analysed, texts, settings=settings, sink=self._recipe.sink, origin=origin, target=staged
        )
        self._sink.delete(_DIRECTORIES["features"])
        self._sink.move("_recipe/staging/features", _DIRECTORIES["features"])
        return {"rows": made["rows"], "vocabulary": made["vocabulary"]}

    # What stages have in common.

    @property
    def _analysis(self) -> Analyze:
        return self._recipe.analyze or Analyze()

    def _texts(self) -> tuple[str, ...]:
        return self._analysis.columns

    def _source(self) -> str:
        return self._recipe.source.files or self._base.within("dump")

    def _service(self) -> str:
        service = self._analysis.service or self._options.service
        if not service:
            raise ConfigError("the service is missing: set [analyze] service, or NLPBATCH_SERVICE")
        return service

    def _place(self, stage: str) -> Storage:
        return self._sink if stage in ("analyze", "features") else self._base

    def _record(self, stage: str) -> StageRecord | None:
        return StageRecord.read(self._place(stage), stage)

    def _state(self, name: str) -> tuple[State, StageRecord | None]:
        return next(self._state_of(stage) for stage in self._stages() if stage.name == name)

    def _state_of(self, stage: Stage) -> tuple[State, StageRecord | None]:
        record = self._record(stage.name)
        return state_of(record, stage.settings()), record


def _told(result: Mapping[str, Any]) -> str:
    told = {name: value for name, value in result.items() if name != "is"}
    shown = [
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in told.items() if value
    ]
    return f": {', '.join(shown)}" if shown else ""


def options_from_environment(**given: Any) -> RunOptions:
    """Return options with the service and the key that the environment names."""
    return RunOptions(
        service=os.environ.get("NLPBATCH_SERVICE"), api_key=os.environ.get("NLPBATCH_API_KEY") or None, **given
    )
