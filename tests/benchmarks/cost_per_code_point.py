"""What a code point costs in documents of 1,000 to 1,000,000 of them, for ordinary text and for the worst known.

    python tests/benchmarks/cost_per_code_point.py --input reviews.parquet [--json FILE]

One engine in this process, as a worker has it. Ratios are to ordinary text of 1,000 code points.
"""

import argparse
import gc
import json
import resource
import sys
import time
from pathlib import Path

import pyarrow.dataset as ds

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.engine.kiwi import KiwiEngine
from nlpbatch.engine.operations import text_performer
from nlpbatch.server.config import KiwiSettings
from nlpbatch.wire.options import Options

SIZES = (1_000, 10_000, 100_000, 1_000_000)
MIN_CODE_POINTS = 200_000
"""Small documents are analysed again and again, up to so many code points."""


def texts(reviews: list[str]) -> dict[str, str]:
    longest = max(SIZES)
    joined = "\n".join(reviews)
    return {
        "ordinary": joined[:longest],
        "ordinary, one line": joined.replace("\n", " ")[:longest],
        "unbroken Hangul": "".join(joined.split())[:longest],
        "'a' runs": "a" * longest,
        "'가\\n' runs": "가\n" * (longest // 2),
        "'가' runs": "가" * longest,
        "digits": "1234567890" * (longest // 10),
        "decomposed": "가" * (longest // 3),
        "emoji": "👨\u200d👩\u200d👧" * (longest // 5),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    reviews = ds.dataset(arguments.input).head(60_000, columns=[arguments.text]).column(0).to_pylist()
    perform = text_performer(KiwiEngine(KiwiSettings().to_spec("default")), Options())
    perform(reviews[0])
    gc.disable()  # as in a worker
    figures: dict[str, dict[str, float]] = {}
    for name, text in texts([review for review in reviews if review]).items():
        figures[name] = {}
        for size in SIZES:
            sample = text[:size]
            repeats = max(1, MIN_CODE_POINTS // size)
            started_s = time.perf_counter()
            for number in range(repeats):
                start = number * size % max(1, len(text) - size)
                perform(text[start : start + size] if repeats > 1 else sample)
            spent_us = (time.perf_counter() - started_s) / (repeats * len(sample)) * 1e6
            figures[name][f"{size:,}"] = round(spent_us, 2)
        print(f"{name:20} {figures[name]} µs a code point", file=sys.stderr, flush=True)
    figures["peak memory, MB"] = {"": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}
    print(json.dumps(figures, ensure_ascii=False, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
