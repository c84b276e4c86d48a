"""Whether `nlpbatch.kiwi.Kiwi` gives what `kiwipiepy.Kiwi` gives, token by token, on reviews; and how long both take.

    python tests/benchmarks/drop_in.py --input reviews.parquet [--text review] [--workers 2]

Starts an API and a proxy of its own. Compares every attribute of every token, every score, sentence and text with
corrected blanks. Texts that the service normalises or takes apart (not NFC, invisible characters, over 3,072 code
points) are counted and left out. Fails on the first difference.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import kiwipiepy
import pyarrow.dataset as ds

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.engine.normalise import normalise
from nlpbatch.engine.split import LIMIT
from nlpbatch.kiwi import Kiwi
from tests.fakes.no_cache import NO_CACHE

ATTRIBUTES = [name for name in dir(kiwipiepy.Token) if not name.startswith("_")]


def is_plain(text: str) -> bool:
    """Return whether the service gives a text to Kiwi as it is."""
    return normalise(text).starts is None and len(text) <= LIMIT


def read_tokens(tokens: Any) -> list[tuple[Any, ...]]:
    """Return all that tokens say."""
    return [(repr(token), *(getattr(token, name) for name in ATTRIBUTES)) for token in tokens]


def read_sentences(sentences: Any) -> list[tuple[Any, ...]]:
    """Return all that sentences say."""
    return [
        (one.text, one.start, one.end, read_tokens(one.tokens or ()), read_sentences(one.subs or ()))
        for one in sentences
    ]


def read_ranked(ranked: Any) -> list[tuple[Any, ...]]:
    """Return all that candidates say."""
    return [(read_tokens(tokens), score) for tokens, score in ranked]


CALLS: dict[str, Callable[[Any, Iterator[str]], Iterator[Any]]] = {
    "tokenize": lambda kiwi, texts: map(read_tokens, kiwi.tokenize(texts)),
    "analyze": lambda kiwi, texts: map(read_ranked, kiwi.analyze(texts)),
    "split_into_sents": lambda kiwi, texts: map(read_sentences, kiwi.split_into_sents(texts, return_tokens=True)),
    "space": lambda kiwi, texts: kiwi.space(texts),
}


def measure(call: Callable[[Any, Iterator[str]], Iterator[Any]], kiwi: Any, texts: Sequence[str]) -> tuple[float, list]:
    """Return the seconds that a call took for all texts, and what it gave."""
    began_s = time.monotonic()
    found = list(call(kiwi, iter(texts)))
    return time.monotonic() - began_s, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    given = ds.dataset(arguments.input).to_table(columns=[arguments.text]).column(0).to_pylist()
    texts = [text for text in given if text is not None and is_plain(text)]
    figures: dict[str, Any] = {"texts": len(texts), "left out": len(given) - len(texts)}
    own = kiwipiepy.Kiwi(num_workers=arguments.workers)
    own.tokenize("")
    with (
        Stack(StackOptions(workers=arguments.workers, server_config=NO_CACHE)) as stack,
        Kiwi(service=stack.service, api_key=stack.api_key) as served,
    ):
        for name, call in CALLS.items():
            chosen = [text for text in texts if text.strip()] if name == "space" else texts
            there_s, expected = measure(call, own, chosen)
            here_s, found = measure(call, served, chosen)
            different = [
                position for position, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1]
            ]
            figures[name] = {
                "texts": len(found),
                "different": len(different),
                "first different": different[:5],
                "kiwipiepy_s": round(there_s, 1),
                "nlpbatch_s": round(here_s, 1),
            }
    print(json.dumps(figures, indent=2))
    return 1 if any(figures[name]["different"] for name in CALLS) else 0


if __name__ == "__main__":
    sys.exit(main())
