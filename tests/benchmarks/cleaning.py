"""What cleaning takes and finds: stage `clean` of a recipe, first with exact duplicates, then with near ones, too.

    python tests/benchmarks/cleaning.py --input reviews --text review --first-by review_id [--cores 2] [--json FILE]

Each figure must show its work: rows that are left are counted anew from the files, no text is there twice, what was
left out adds up to what was read, and every text that is left is as it was, but for what was counted as changed.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.recipe import Recipe, RecipeRun, RunOptions
from nlpbatch.recipe.masking import KINDS
from nlpbatch.recipe.stages.clean import REASONS


def main() -> None:
    """Measure, print, and write as JSON if asked."""
    given = _parse()
    spark = (
        SparkSession.builder.master(f"local[{given.cores}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "3g")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    found = {duplicates: _measure(spark, given, duplicates) for duplicates in ("exact", "near")}
    text = json.dumps(found, ensure_ascii=False, indent=2)
    print(text)
    if given.json is not None:
        given.json.write_text(text + "\n", encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", required=True, help="directory of Parquet")
    parser.add_argument("--text", required=True)
    parser.add_argument("--first-by")
    parser.add_argument("--similarity", type=float, default=0.8)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _measure(spark: SparkSession, given: argparse.Namespace, duplicates: str) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        clean = {"columns": [given.text], "duplicates": duplicates, "length": {"min": 2}, "hangul": {"min": 0.3}}
        clean |= {"first_by": given.first_by} if given.first_by else {}
        clean |= {"similarity": given.similarity} if duplicates == "near" else {}
        recipe = Recipe.check({"source": {"files": given.input}, "clean": clean, "sink": {"path": folder}})
        began_s = time.perf_counter()
        RecipeRun(spark, recipe, RunOptions(), print).run()
        seconds = time.perf_counter() - began_s
        figures = json.loads((Path(folder) / "_recipe" / "clean.json").read_text(encoding="utf-8"))["result"]
        _check(given, Path(folder) / "cleaned", figures)
    return {"seconds": round(seconds, 1), **{name: count for name, count in figures.items() if name != "is"}}


def _check(given: argparse.Namespace, folder: Path, figures: Mapping[str, int]) -> None:
    """Refuse figures that the files don't bear out."""
    before = ds.dataset(given.input, format="parquet").to_table(columns=[given.text])[given.text]
    after = ds.dataset(folder, format="parquet", exclude_invalid_files=True).to_table(columns=[given.text])[given.text]
    left_out = sum(figures.get(name, 0) for name in (*REASONS, "duplicates", "near_duplicates"))
    changed = sum(figures[name] for name in ("html", "control_characters", *KINDS))
    assert len(before) == figures["read"]
    assert len(after) == figures["rows"] == figures["read"] - left_out
    assert pc.count_distinct(after, mode="only_valid").as_py() == len(after) - after.null_count
    assert len(after) - pc.sum(pc.is_in(after, value_set=before)).as_py() <= changed


if __name__ == "__main__":
    main()
