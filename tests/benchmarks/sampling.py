"""What a sample costs and is worth: bytes and time against Spark's own, and how wide and how true its margins are.

    python tests/benchmarks/sampling.py --input reviews.parquet --repeat 20

Samples are drawn of the reviews as they are, and of a directory of about a gigabyte that has them again and again,
20,000 rows in a row group. Margins are held against that of a simple random sample of as many rows. Spark's session is
started beforehand and not counted. Ends with 1 if a bound is missed.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from nlpbatch.profile import ProfileColumns, page, report
from nlpbatch.sampling import Sample, SampleOptions, estimate, sample

ROW_GROUP = 20_000
ROWS = 10_000
MANY = 1_000_000
COLUMNS = ("review", "rating", "date")
Z = statistics.NormalDist().inv_cdf(0.995)
GOOD = 9
"""Ratings from this one count as good: the label whose share is estimated."""
SHARE_MAX = 0.05
WITHIN_MIN = 0.95
REVIEWS_RATIO_MAX, REPEATED_RATIO_MAX = 2.0, 3.0
"""Margin over that of a simple random sample of as many rows; the median of all seeds."""
TIME_RATIO_MAX = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True, help="reviews: review, rating, date")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="of the times; 0 for none")
    parser.add_argument("--seeds", type=int, default=100, help="samples to hold against the truth")
    arguments = parser.parse_args()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory(prefix="nlpbatch-benchmark-") as name:
        source, table = Path(name) / "data", ds.dataset(arguments.input).to_table()
        _write(table, source, arguments.repeat)
        found: dict[str, Any] = {
            "gigabytes": round(sum(file.stat().st_size for file in source.iterdir()) / 1e9, 3),
            "reviews": _margins(arguments.input, table, arguments.seeds),
            "repeated": _margins(source, table, arguments.seeds),
        }
        if arguments.rounds:
            found |= _costs(source, arguments.rounds) | _many(source)
    print(json.dumps(found, indent=2))
    missed = list(_missed(found))
    print("\n".join(missed), file=sys.stderr)
    return int(bool(missed))


def _missed(found: dict[str, Any]) -> Iterator[str]:
    """Yield the bounds that don't hold."""
    for name, ratio_max in (("reviews", REVIEWS_RATIO_MAX), ("repeated", REPEATED_RATIO_MAX)):
        for what, one in found[name]["estimates"].items():
            if one["within"] < WITHIN_MIN:
                yield f"{name}: {what} is within the interval in {one['within']:.0%} of the samples"
            if one["ratio, median"] > ratio_max:
                yield f"{name}: the margin of {what} is {one['ratio, median']} times a simple random sample's"
    if found["repeated"]["bytes read, share, most"] > SHARE_MAX:
        yield f"repeated: {found['repeated']['bytes read, share, most']:.1%} of the bytes were read"
    if found.get("sample over df.sample", 0) > TIME_RATIO_MAX:
        yield f"a sample takes {found['sample over df.sample']} times as long as df.sample"


def _write(table: pa.Table, target: Path, repeat: int) -> None:
    """Write the reviews again and again."""
    target.mkdir()
    for number in range(repeat):
        pq.write_table(table, target / f"{number:03d}.parquet", row_group_size=ROW_GROUP)


def _values(table: pa.Table) -> dict[str, Any]:
    """Return what is estimated: length, rating, and whether that is good, float[rows]."""
    rating = table["rating"].to_numpy(zero_copy_only=False).astype(float)
    lengths = pc.utf8_length(table["review"]).to_numpy(zero_copy_only=False).astype(float)
    return {"characters": lengths, "rating": rating, "good": (rating >= GOOD).astype(float)}


def _margins(source: Path, truth: pa.Table, seeds: int) -> dict[str, Any]:
    """Return how wide the margins are, and how often the truth is within."""
    true = {name: (float(values.mean()), float(values.std())) for name, values in _values(truth).items()}
    ratios: dict[str, list[float]] = {name: [] for name in true}
    within = dict.fromkeys(true, 0)
    designs = []
    for seed in range(seeds):
        drawn = sample(str(source), SampleOptions(ROWS, COLUMNS, seed))
        designs.append(drawn.design)
        _check_work(drawn)
        for name, values in _values(drawn.table).items():
            mean_, deviation = true[name]
            one = estimate(values, drawn, is_share=name == "good")
            simple = Z * deviation * math.sqrt((1 - ROWS / drawn.design.rows_total) / ROWS)
            ratios[name].append(one.margin / simple)
            within[name] += one.low <= mean_ <= one.high
    return {
        "parts, median": statistics.median(design.units for design in designs),
        "bytes read, median": int(statistics.median(design.read_bytes for design in designs)),
        "bytes read, share, most": round(max(design.read_share for design in designs), 4),
        "estimates": {
            name: {
                "ratio, median": round(statistics.median(found), 2),
                "ratio, most": round(max(found), 2),
                "within": within[name] / seeds,
            }
            for name, found in ratios.items()
        },
    }


def _check_work(drawn: Sample) -> None:
    """Make sure that the sample was drawn: its rows are there, with their values, and bytes were read for them."""
    assert drawn.table.num_rows == drawn.design.rows == ROWS
    assert all(drawn.table[name].null_count == 0 for name in COLUMNS)
    assert drawn.design.read_bytes > drawn.table["review"].nbytes / 2


def _costs(source: Path, rounds: int) -> dict[str, float]:
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    ours, theirs = [], []
    for seed in range(rounds):
        began_s = time.perf_counter()
        drawn = sample(str(source), SampleOptions(ROWS, COLUMNS, seed))
        ours.append(time.perf_counter() - began_s)
        _check_work(drawn)
        began_s = time.perf_counter()
        df = spark.read.parquet(str(source)).select(*COLUMNS)
        df.sample(ROWS / drawn.design.rows_total, seed=seed).toPandas()
        theirs.append(time.perf_counter() - began_s)
    spark.stop()
    return {
        "rows": ROWS,
        "sample, s": round(statistics.median(ours), 2),
        "df.sample, s": round(statistics.median(theirs), 2),
        "sample over df.sample": round(statistics.median(ours) / statistics.median(theirs), 3),
    }


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
