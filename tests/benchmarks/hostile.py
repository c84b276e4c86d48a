"""What a thousand hostile documents cost, against the same bytes of ordinary text, through a running API.

    python tests/benchmarks/hostile.py --input reviews.parquet [--documents 1000]

Both go as Arrow requests of about 64 KiB, one after another, to an API of its own with two workers.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch import Client
from nlpbatch.wire.cutting import cut_by_bytes
from tests.benchmarks.processes import free_port, running, wait_ready
from tests.fakes.hostile import hostile_documents
from tests.fakes.no_cache import NO_CACHE

REQUEST_BYTES = 65_536


def ordinary(reviews: list[str], size_bytes: int) -> list[bytes]:
    """Return reviews of so many bytes in all."""
    chosen: list[bytes] = []
    while size_bytes > 0:
        chosen.append(reviews[len(chosen) % len(reviews)].encode())
        size_bytes -= len(chosen[-1])
    return chosen


def analyse(url: str, documents: list[bytes]) -> tuple[float, Counter[str]]:
    """Return the seconds that it took, and the errors by code."""
    codes: Counter[str] = Counter()
    started_s = time.monotonic()
    with Client(url) as client:
        cuts = cut_by_bytes([len(one) for one in documents], most_bytes=REQUEST_BYTES, most_documents=1000)
        for start, end in cuts:
            texts = pa.array(documents[start:end], pa.binary()).view(pa.string())
            errors = client.analyze_arrow(texts).column("error").to_pylist()
            codes.update(error["code"] for error in errors if error)
    return time.monotonic() - started_s, codes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--documents", type=int, default=1000)
    arguments = parser.parse_args()
    reviews = ds.dataset(arguments.input).head(60_000, columns=[arguments.text]).column(0).to_pylist()
    hostile = [document for _, document in hostile_documents(arguments.documents)]
    size_bytes = sum(map(len, hostile))
    port = free_port()
    with running("serve", "--config", str(NO_CACHE), "--port", str(port), "--workers", "2") as process:
        url = f"http://127.0.0.1:{port}"
        wait_ready(url, process)
        plain = ordinary([review for review in reviews if review], size_bytes)
        analyse(url, plain[:1000])
        plain_s, _ = analyse(url, plain)
        hostile_s, codes = analyse(url, hostile)
    figures = {
        "bytes": size_bytes,
        "ordinary_s": round(plain_s, 2),
        "hostile_s": round(hostile_s, 2),
        "hostile / ordinary": round(hostile_s / plain_s, 2),
        "errors": codes,
    }
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
