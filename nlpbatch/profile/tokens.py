"""The tokens of a sample's texts, asked of the service."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.client.sync import Client
from nlpbatch.profile.view import Tokens
from nlpbatch.wire.cutting import cut_by_bytes
from nlpbatch.wire.limits import MIB

FIELDS: Final = ("form", "tag", "lemma", "oov")
_PER_REQUEST: Final = 1_000
_REQUEST_BYTES: Final = MIB
"""Text of one request, or a text alone."""
_IN_FLIGHT: Final = 4


def analyse(client: Client, texts: pa.Array, max_rows: int, seed: int, analyzer: str) -> tuple[Tokens, tuple[str, ...]]:
    """Return the tokens of some rows, and notes on what has none.

    Args:
        client: The service that analyses the texts.
        texts: string[rows].
        max_rows: Rows to analyse; of more, as many at random.
        seed: Of that choice.
        analyzer: Analyzer's name.

    Raises:
        NlpbatchError: The service can't answer. A text that fails by itself, or is too long, has null for tokens.

    """
    rows = range(len(texts))
    chosen = sorted(random.Random(seed).sample(rows, max_rows)) if max_rows < len(texts) else list(rows)  # noqa: S311
    positions = pa.array(chosen, pa.int64())
    picked = texts.take(positions)
    if not len(picked):
        return Tokens(positions, pa.array([], pa.list_(pa.struct([])))), ()
    limits = client.analyzers().limits
    lengths = pc.fill_null(pc.binary_length(picked), 0)
    is_long = pc.greater(lengths, limits.text_bytes)
    # not if_else: it would leave the long ones in the buffers that are sent
    picked = picked.take(pc.if_else(is_long, None, pa.array(range(len(picked)))))
    lengths = pc.if_else(is_long, 0, lengths).to_pylist()
    cuts = cut_by_bytes(lengths, most_bytes=_REQUEST_BYTES, most_documents=min(_PER_REQUEST, limits.documents))
    parts = [picked.slice(start, end - start) for start, end in cuts]
    with ThreadPoolExecutor(_IN_FLIGHT) as threads:
        answers = list(
            threads.map(
                lambda part: client.analyze_arrow(part, fields=FIELDS, analyzer=analyzer).column("tokens"), parts
            )
        )
    tokens = Tokens(positions, pa.concat_arrays([chunk for answer in answers for chunk in answer.chunks]))
    count = pc.sum(is_long).as_py()
    note = f"{count:,} texts have no tokens: they have more than {limits.text_bytes:,} bytes, the service's limit"
    return tokens, (note,) if count else ()
