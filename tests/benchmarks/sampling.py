"""What a sample costs and is worth: bytes and time against Spark's own, and how often its error is kept.

    python tests/benchmarks/sampling.py --input reviews.parquet --repeat 36

The reviews are repeated into a directory of Parquet of about a gigabyte, 20,000 rows in a row group. Spark's session is
started beforehand and not counted.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from nlpbatch.profile import ProfileColumns, page, report
from nlpbatch.sampling import SampleOptions, mean, sample
from nlpbatch.sampling.sample import units_of

ROW_GROUP = 20_000
ROWS = 10_000
SEEDS = 100
MANY = 1_000_000
COLUMNS = ("review", "rating", "date")
GOOD = 9
"""Ratings from this one count as good: the label whose share is estimated."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True, help="reviews: review, rating, date")
    parser.add_argument("--repeat", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory(prefix="nlpbatch-benchmark-") as name:
        source = Path(name) / "data"
        truth = _write(arguments.input, source, arguments.repeat)
        found = {"gigabytes": round(sum(file.stat().st_size for file in source.iterdir()) / 1e9, 3)}
        found |= _costs(source, arguments.rounds) | _errors(source, truth) | _many(source)
    print(json.dumps(found, indent=2))
    return 0


def _write(reviews: Path, target: Path, repeat: int) -> dict[str, float]:
    """Write the reviews again and again; return the means of the whole."""
    table = ds.dataset(reviews).to_table()
    target.mkdir()
    for number in range(repeat):
        pq.write_table(table, target / f"{number:03d}.parquet", row_group_size=ROW_GROUP)
    rating = table["rating"].to_numpy(zero_copy_only=False)
    lengths = pc.utf8_length(table["review"]).to_numpy(zero_copy_only=False).astype(float)
    return {
        "characters": float(np.nanmean(lengths)),
        "rating": float(rating.mean()),
        "good": float((rating >= GOOD).mean()),
    }


def _costs(source: Path, rounds: int) -> dict[str, float]:
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    ours, theirs, share = [], [], 0.0
    for seed in range(rounds):
        began_s = time.perf_counter()
        drawn = sample(str(source), SampleOptions(ROWS, COLUMNS, seed))
        ours.append(time.perf_counter() - began_s)
        share = max(share, drawn.design.read_share)
        began_s = time.perf_counter()
        df = spark.read.parquet(str(source)).select(*COLUMNS)
        df.sample(ROWS / drawn.design.rows_total, seed=seed).toPandas()
        theirs.append(time.perf_counter() - began_s)
    spark.stop()
    return {
        "rows": ROWS,
        "bytes read, share": round(share, 4),
        "sample, s": round(statistics.median(ours), 2),
        "df.sample, s": round(statistics.median(theirs), 2),
        "sample over df.sample": round(statistics.median(ours) / statistics.median(theirs), 3),
    }


def _errors(source: Path, truth: dict[str, float]) -> dict[str, int]:
    kept = dict.fromkeys(truth, 0)
    for seed in range(SEEDS):
        table = sample(str(source), SampleOptions(ROWS, COLUMNS, seed)).table
        rating = table["rating"].to_numpy(zero_copy_only=False).astype(float)
        lengths = pc.utf8_length(table["review"]).to_numpy(zero_copy_only=False).astype(float)
        values = {"characters": lengths, "rating": rating, "good": (rating >= GOOD).astype(float)}
        for name, numbers in values.items():
            estimate = mean(numbers, units_of(table))
            kept[name] += abs(estimate.mean - truth[name]) <= estimate.margin
    return {f"{name} within the error, of {SEEDS} seeds": count for name, count in kept.items()}


def _many(source: Path) -> dict[str, float]:
    drawn = sample(str(source), SampleOptions(MANY, COLUMNS, 1, read_share=1.0))
    began_s = time.perf_counter()
    html = page(report(drawn, ProfileColumns("review", label="rating", date="date"), None))
    took_s = time.perf_counter() - began_s
    return {
        "rows of a report": drawn.design.rows,
        "report, s": round(took_s, 1),
        "report, MB": round(len(html) / 1e6, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
