"""What one Spark does with nlpbatch: run by the interpreter of an environment, which has the bundle on its path.

    python scenario.py classic|connect QUESTION.json ANSWER.json

It judges nothing. The question names the service and what there is to do; the answer has, for each part, what came out,
what was refused with nlpbatch's own words, or with what it broke. The environment has no pytest, and of nlpbatch the
bundle only.
"""

import json
import os
import platform
import sys
import traceback
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark
from pyspark.sql import SparkSession

from nlpbatch.errors import NlpbatchError
from nlpbatch.spark import analyze, glue, join, sentences, space

TEXT = "text"
MOMENT = datetime(2024, 2, 29, 12, 30, 15, 123456)  # noqa: DTZ001  (a Spark session has a zone of its own)
TYPES = {
    "a_bigint": ("bigint", 2**40),
    "a_decimal": ("decimal(20,3)", Decimal("12345.678")),
    "a_double": ("double", 0.1),
    "a_boolean": ("boolean", True),
    "a_binary": ("binary", bytearray(b"\x00\xff")),
    "a_date": ("date", date(2024, 2, 29)),
    "a_timestamp": ("timestamp", MOMENT),
    "a_timestamp_ntz": ("timestamp_ntz", MOMENT),
    "a_duration": ("interval day to second", timedelta(days=1, seconds=3)),
    "an_array": ("array<array<string>>", [["가", None], []]),
    "a_map": ("map<string,int>", {"하나": 1}),
    "a_struct": ("struct<x:int,y:struct<z:string>>", {"x": 1, "y": {"z": "끝"}}),
}
UNPASSABLE = {
    "interval": "make_interval(1, 2, 3) AS other",
    "variant": "parse_json('{\"a\": 1}') AS other",
}
"""Types that Spark doesn't hand to Python, as expressions."""


class Scenario:
    """One session, and what there is to do with it."""

    def __init__(self, spark: Any, question: dict[str, Any]) -> None:
        self.spark = spark
        self.question = question
        self.asked = {"service": question["service"], "api_key": question["api_key"]}
        # Spark 3.5 has no variant.
        self.known = set(UNPASSABLE) - ({"variant"} if spark.version.startswith("3.") else set())
        self.texts = spark.createDataFrame(list(enumerate(question["texts"])), f"id int, {TEXT} string")

    def analyzed(self) -> Any:
        return self._rows(analyze(self.texts, text=TEXT, **self.asked), "tokens")

    def split(self) -> Any:
        return self._rows(sentences(self.texts, text=TEXT, **self.asked), "sentences")

    def spaced(self) -> Any:
        return self._rows(space(self.texts, text=TEXT, reset_whitespace=True, **self.asked), "spaced")

    def joined(self) -> Any:
        found = analyze(self.texts, text=TEXT, error="first", **self.asked)
        pairs = "transform(tokens, one -> named_struct('form', one.form, 'tag', one.tag)) AS pairs"
        return self._rows(join(found.selectExpr("id", pairs), morphemes="pairs", **self.asked), "joined")

    def glued(self) -> Any:
        chunks = self.texts.selectExpr("id", f"split({TEXT}, ' ') AS chunks")
        return self._rows(glue(chunks, chunks="chunks", **self.asked), "glued")

    def arrays(self) -> Any:
        """Analyse two texts in each row."""
        rows = self.texts.selectExpr("id", f"array({TEXT}, {TEXT}) AS {TEXT}")
        return self._rows(analyze(rows, text=TEXT, **self.asked), "tokens")

    def failed_rows(self) -> Any:
        """Return the codes of the errors of a text over the service's limit, and of its neighbours."""
        rows = self.spark.createDataFrame([(0, "글"), (1, "글 " * 60_000), (2, "끝")], f"id int, {TEXT} string")
        found = analyze(rows, text=TEXT, **self.asked).orderBy("id").collect()
        return [row.error and row.error.code for row in found]

    def passed_types(self) -> Any:
        """Return the columns that don't come out as they went in."""
        ddl = ", ".join(f"{name} {kind}" for name, (kind, _) in TYPES.items())
        row = tuple(value for _, value in TYPES.values())
        rows = self.spark.createDataFrame([("글", *row), ("끝", *[None] * len(row))], f"{TEXT} string, {ddl}")
        before, after = rows.collect(), analyze(rows, text=TEXT, **self.asked).collect()
        return [name for name in TYPES if [one[name] for one in before] != [one[name] for one in after]]

    def unpassable(self, kind: str) -> Any:
        """Return what becomes of a column of this type beside the texts."""
        rows = self.spark.createDataFrame([("글",)], f"{TEXT} string").selectExpr(TEXT, UNPASSABLE[kind])
        return str(analyze(rows, text=TEXT, **self.asked).collect()[0].other)

    def wrong_column(self) -> Any:
        return analyze(self.texts, text="txet", **self.asked)

    def _rows(self, df: Any, name: str) -> Any:
        rows = df.orderBy("id").select("id", name, "error").collect()
        return [plain(row[name]) if row.error is None else plain(row.error) for row in rows]

    # Jobs, which are classic Spark's.

    def resumed(self) -> Any:
        """Resume the output of a driver that was killed."""
        report = self._run(**self.question["job"])
        return {"rows": report.rows, "dead": report.dead, "attempts": report.attempts, "batches": report.batches}

    def job_of(self, kind: str) -> Any:
        """Write the texts in a format, run a job over it, and return its counts."""
        source, output = self._place(f"{kind}-in"), self._place(f"{kind}-out")
        rows = self.texts.where(f"{TEXT} IS NOT NULL")
        if kind == "csv":
            rows.write.option("header", "true").csv(source)
        else:
            (rows.select(TEXT) if kind == "text" else rows).write.format(kind).save(source)
        report = self._run(input=source, text="value" if kind == "text" else TEXT, output=output, format=kind)
        found = self.spark.read.parquet(output)
        return {"rows": report.rows, "dead": report.dead, "tokens": sorted(map(plain_tokens, found.collect()))}

    def spark_writes(self) -> Any:
        """Run a job whose rows Spark's own writer has to write, and return why."""
        source, output = self._place("types-in"), self._place("types-out")
        self.texts.selectExpr(TEXT, "make_dt_interval(id, 1) AS a_duration").write.parquet(source)
        report = self._run(input=source, text=TEXT, output=output)
        batch = json.loads(next(Path(output).glob("run_batch=*/_batch.json")).read_text(encoding="utf-8"))
        return report.rows == len(self.question["texts"]) and bool(batch["spark_writer"])

    def replayed(self) -> Any:
        """Replay dead letters with a service that has no such limit."""
        from nlpbatch.spark.replay import ReplayOptions, replay  # noqa: PLC0415  (classic Spark's)

        source, output = self._place("dead-in"), self._place("dead-out")
        rows = [(0, "글"), (1, "긴 글 " * 40_000), (2, "끝")]
        self.spark.createDataFrame(rows, f"id int, {TEXT} string").coalesce(1).write.parquet(source)
        first = self._run(input=source, text=TEXT, output=output)
        generous = self.question["generous"]
        done = replay(self.spark, ReplayOptions(output, generous["service"], generous["api_key"]))
        ids = sorted(row.id for row in self.spark.read.parquet(output).collect())
        return {"dead": first.dead, "errors": first.errors, "recovered": done.recovered, "ids": ids}

    def recipe(self) -> Any:
        """Run a recipe that cleans, analyses and computes features; return what its stages say."""
        from nlpbatch.recipe import Recipe, RecipeRun, RunOptions  # noqa: PLC0415  (classic Spark's)

        source, sink = self._place("recipe-in"), self._place("recipe-out")
        self.texts.where(f"{TEXT} IS NOT NULL").union(self.texts.where("id < 2")).write.parquet(source)
        given = {
            "source": {"files": source},
            "clean": {},
            "analyze": {"columns": [TEXT]},
            "features": {"id": "id", "ngrams": 2, "min_documents": 1},
            "sink": {"path": sink},
        }
        RecipeRun(self.spark, Recipe.check(given), RunOptions(**self.asked), print).run()
        return Path(sink, "features", "_nlpbatch", "features.json").exists()

    def _run(self, **options: Any) -> Any:
        from nlpbatch.spark.job import run  # noqa: PLC0415  (classic Spark's)
        from nlpbatch.spark.options import JobOptions  # noqa: PLC0415

        return run(self.spark, JobOptions.merge(None, self.asked | options))

    def _place(self, name: str) -> str:
        return f"{self.question['directory']}/{name}"


def parts(scenario: Scenario, mode: str) -> dict[str, Callable[[], Any]]:
    """Return what there is to do, by the name that the answer gives it."""
    columns = {
        "analyze": scenario.analyzed,
        "sentences": scenario.split,
        "space": scenario.spaced,
        "join": scenario.joined,
        "glue": scenario.glued,
        "arrays": scenario.arrays,
        "failed rows": scenario.failed_rows,
        "types": scenario.passed_types,
        **{kind: (lambda kind=kind: scenario.unpassable(kind)) for kind in UNPASSABLE if kind in scenario.known},
        "wrong column": scenario.wrong_column,
    }
    if mode == "connect":
        return columns | {"job in Connect": scenario.resumed}
    formats = ("json", "csv", "text", "orc")
    return columns | {
        "resume": scenario.resumed,
        **{kind: (lambda kind=kind: scenario.job_of(kind)) for kind in formats},
        "spark writes": scenario.spark_writes,
        "replay": scenario.replayed,
        "recipe": scenario.recipe,
    }


def answered(part: Callable[[], Any]) -> dict[str, Any]:
    """Return what a part of the scenario came to."""
    try:
        return {"found": part()}
    except NlpbatchError as error:
        return {"refused": error.message, "code": error.code}
    except Exception:  # noqa: BLE001  (any other one is what the matrix is to show)
        return {"broke": traceback.format_exc()}


def plain(value: Any) -> Any:
    """Return rows of Spark as lists."""
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def plain_tokens(row: Any) -> Any:
    return json.dumps(plain(row.tokens), ensure_ascii=False)


def session(mode: str, question: dict[str, Any]) -> Any:
    """Return a classic session of this process, or one of a Connect server."""
    if mode == "connect":
        spark = SparkSession.builder.remote(question["remote"]).getOrCreate()
        spark.addArtifacts(question["bundle"], pyfile=True)
        return spark
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", "2").config("spark.submit.pyFiles", question["bundle"])
    spark = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def main(mode: str, asked: str, answer: str) -> None:
    """Do all parts and write what they came to."""
    question = json.loads(Path(asked).read_text(encoding="utf-8"))
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = session(mode, question)
    versions = {
        "spark": spark.version,
        "pyspark": pyspark.__version__,
        "python": platform.python_version(),
        "pyarrow": pa.__version__,
    }
    found = {name: answered(part) for name, part in parts(Scenario(spark, question), mode).items()}
    Path(answer).write_text(json.dumps({"versions": versions, "parts": found}, ensure_ascii=False), encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
