"""What a million short texts through `Client.analyze(iterator)` cost the client's process, in memory and time.

    python tests/benchmarks/client_memory.py [--texts 1000000] [--workers 2]

Starts an API and a proxy of its own. Every text has its number in it, and every outcome must have that number as its
last token: all were answered, in order. Memory is the peak of this process's resident set (VmHWM), in all and over
what it was after the first outcome of a call of one text. Fails over 200 MB in all.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch import Client
from nlpbatch.cli.stack import Stack, StackOptions

LIMIT_BYTES = 200_000_000


def texts(count: int) -> Iterator[str]:
    """Yield texts of two to seven code points, each with its number."""
    for number in range(count):
        yield f"글{number}"


def peak_bytes() -> int:
    """Return the most that this process has had in memory."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def check(number: int, tokens: tuple[object, ...] | None) -> None:
    """Raise unless these are the tokens of the text with that number."""
    last = getattr((tokens or (None,))[-1], "form", None)
    if last != str(number):
        raise AssertionError(f"outcome {number:,} is of another text: its last token is {last!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with (
        Stack(StackOptions(workers=arguments.workers)) as stack,
        Client(stack.service, api_key=stack.api_key) as client,
    ):
        client.analyze("글0")
        before_bytes = peak_bytes()
        began_s = time.monotonic()
        outcomes = client.analyze(texts(arguments.texts), progress=True)
        for number, outcome in enumerate(outcomes):
            check(number, outcome.tokens)
        seconds = time.monotonic() - began_s
        figures = {
            "texts answered in order": outcomes.delivered,
            "requests": client.stats.snapshot().requests,
            "seconds": round(seconds, 1),
            "texts/s": round(outcomes.delivered / seconds),
            "peak memory, MB": round(peak_bytes() / 1e6, 1),
            "of that before the first text, MB": round(before_bytes / 1e6, 1),
        }
    print(json.dumps(figures, indent=2))
    complete = outcomes.delivered == arguments.texts
    return 0 if complete and peak_bytes() <= LIMIT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
