"""What a run costs beyond its documents: its barriers between micro-batches, and texts of very different lengths.

    python tests/benchmarks/runs.py --input reviews.parquet --reviews 100000 --rounds 3

Barriers: the same input in one micro-batch and in twelve; what each barrier adds, over the time of a micro-batch of the
size that a run chooses. Skew: 1 % of the documents hold 50 % of the characters and lie together at the end, against the
same characters in documents of equal length. Everything takes turns within one run of this script.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.spark.job import run
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.sizes import Sizes
from tests.fakes.no_cache import NO_CACHE

FILES = 12
LONG_SHARE = 0.01
"""Of the documents; they hold half of all characters."""
SEPARATOR = "\n"


def main() -> int:
    arguments = _parse()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = _spark(arguments.cores)
    with tempfile.TemporaryDirectory(prefix="nlpbatch-benchmark-") as name:
        directory = Path(name)
        found = {}
        if "barriers" in arguments.only:
            found |= _barriers(spark, arguments, directory)
        if "skew" in arguments.only:
            found |= _skew(spark, arguments, directory)
    spark.stop()
    print(json.dumps(found, indent=2))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True, help="Parquet file or directory")
    parser.add_argument("--text", default="review")
    parser.add_argument("--reviews", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="*", default=["barriers", "skew"])
    return parser.parse_args()


def _spark(cores: int) -> SparkSession:
    builder = SparkSession.builder.master(f"local[{cores}]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.memory", "2g").config("spark.ui.showConsoleProgress", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _texts(arguments: argparse.Namespace) -> list[str]:
    column = ds.dataset(arguments.input).head(arguments.reviews, columns=[arguments.text]).column(0)
    return [text for text in column.to_pylist() if text and text.strip()]


def _barriers(spark: SparkSession, arguments: argparse.Namespace, directory: Path) -> dict[str, float]:
    source = directory / "reviews"
    _write(source, _texts(arguments))
    files = sorted(source.iterdir())
    total_bytes = sum(path.stat().st_size for path in files)
    batch_bytes = {"one": total_bytes * 2, "twelve": max(1_024, min(path.stat().st_size for path in files) // 2)}
    took = _rounds(spark, arguments, {name: (source, size) for name, size in batch_bytes.items()}, directory)
    barrier_s = (took["twelve"] - took["one"]) / (FILES - 1)
    look = Input.look(spark, str(source), format_name=None, reader={}, ddl=None)
    chosen = Sizes.choose(look, arguments.cores, None).batch_bytes
    batch_s = took["one"] * chosen / total_bytes
    return {
        "one micro-batch, s": took["one"],
        "twelve, s": took["twelve"],
        "a barrier, s": round(barrier_s, 2),
        "a micro-batch of the chosen size, s": round(batch_s, 1),
        "barriers, share": round(barrier_s / (batch_s + barrier_s), 4),
    }


def _skew(spark: SparkSession, arguments: argparse.Namespace, directory: Path) -> dict[str, float]:
    texts = _texts(arguments)
    half = sum(map(len, texts)) // 2
    short, seen = [], 0
    for text in texts:
        if seen >= half:
            break
        short.append(text)
        seen += len(text)
    rest = texts[len(short) :]
    long = list(_joined(rest, max(1, round(len(short) * LONG_SHARE))))
    even = list(_joined(texts, len(short) + len(long)))
    _write(directory / "skewed", short + long)
    _write(directory / "even", even)
    took = _rounds(spark, arguments, {name: (directory / name, None) for name in ("even", "skewed")}, directory)
    return {
        "documents": len(even),
        "characters of a long one": round(statistics.mean(map(len, long))),
        "even, s": took["even"],
        "skewed, s": took["skewed"],
        "skewed over even": round(took["skewed"] / took["even"], 3),
    }


def _joined(texts: list[str], count: int) -> Iterator[str]:
    """Yield so many documents that hold all texts, alike in characters."""
    each, parts, size = sum(map(len, texts)) / count, [], 0
    for text in texts:
        parts.append(text)
        size += len(text)
        if size >= each:
            yield SEPARATOR.join(parts)
            parts, size = [], size - each
    if parts:
        yield SEPARATOR.join(parts)


def _write(folder: Path, texts: list[str]) -> None:
    """Write texts in files of equal bytes of text, in order."""
    folder.mkdir()
    table = pa.table({"text": texts})
    part = -(-len(texts) // FILES)
    for number in range(FILES):
        pq.write_table(table.slice(number * part, part), folder / f"{number:02d}.parquet")


def _rounds(spark, arguments, contenders, directory: Path) -> dict[str, float]:
    """Return the median seconds of each contender's runs; each has a service that has seen nothing."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(arguments.rounds):
        for name, (source, batch_bytes) in contenders.items():
            output = directory / "out"
            with Stack(StackOptions(workers=arguments.cores, server_config=NO_CACHE)) as stack:
                options = JobOptions(
                    input=str(source),
                    text=("text",),
                    output=str(output),
                    service=stack.service,
                    api_key=stack.api_key,
                    batch_bytes=batch_bytes,
                )
                started_s = time.perf_counter()
                report = run(spark, options)
                took[name].append(time.perf_counter() - started_s)
            print(f"{name}: {report.rows:,} rows, {report.batches} batches, {took[name][-1]:.1f} s", file=sys.stderr)
            shutil.rmtree(output)
    return {name: round(statistics.median(seconds), 2) for name, seconds in took.items()}


if __name__ == "__main__":
    sys.exit(main())
