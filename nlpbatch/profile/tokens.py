"""The tokens of a sample's texts, asked of the service."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pyarrow as pa

from nlpbatch.client.sync import Client

FIELDS: Final = ("form", "tag", "lemma", "oov")
_PER_REQUEST: Final = 1_000
_IN_FLIGHT: Final = 4


def analyse(client: Client, texts: pa.Array, most: int, seed: int, analyzer: str) -> tuple[pa.Array, pa.Array]:
    """Return the rows that were analysed, int64[n], and their tokens: list<struct<form, tag, lemma, oov>>[n].

    Args:
        client: Whom to ask.
        texts: string[rows].
        most: Rows to analyse; of more, as many at random.
        seed: Of that choice.
        analyzer: Analyzer's name.

    Raises:
        NlpbatchError: The service can't answer. A text that fails by itself has null for tokens.

    """
    rows = range(len(texts))
    chosen = sorted(random.Random(seed).sample(rows, most)) if most < len(texts) else list(rows)  # noqa: S311
    positions = pa.array(chosen, pa.int64())
    picked = texts.take(positions)
    parts = [picked.slice(start, _PER_REQUEST) for start in range(0, len(picked), _PER_REQUEST)]
    if not parts:
        return positions, pa.array([], pa.list_(pa.struct([])))
    with ThreadPoolExecutor(_IN_FLIGHT) as threads:
        answers = list(
            threads.map(
                lambda part: client.analyze_arrow(part, fields=FIELDS, analyzer=analyzer).column("tokens"), parts
            )
        )
    return positions, pa.concat_arrays([chunk for answer in answers for chunk in answer.chunks])
