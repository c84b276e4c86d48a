"""Documents as the numbers of their units, in order; runs in executors, with pyarrow alone."""

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

PADDING: Final = 0
UNKNOWN: Final = 1
FIRST_TERM: Final = 2
"""Numbers in sequences: 0 is free for padding, 1 is a unit that isn't in the vocabulary, then come the terms."""


class SequenceEncoder:
    """Adds the column `sequence: list<int32>` to record batches; for `mapInArrow`.

    Args:
        units: Column with a row's units, list<string>; null counts as none.
        vocabulary: Terms in the order of their numbers.

    """

    def __init__(self, units: str, vocabulary: Sequence[str]) -> None:
        self._units = units
        self._vocabulary = vocabulary

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield each batch with the column at its end."""
        terms = pa.array(self._vocabulary, pa.string())
        for batch in batches:
            units = batch.column(batch.schema.get_field_index(self._units))
            known = pc.index_in(units.flatten().cast(pa.string()), value_set=terms)
            numbers = pc.fill_null(pc.add(known, FIRST_TERM), UNKNOWN).cast(pa.int32())
            # lengths rather than offsets: a batch may be a slice of another
            lengths = pc.fill_null(pc.list_value_length(units), 0)
            offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
            sequence = pa.ListArray.from_arrays(offsets, numbers)
            yield pa.RecordBatch.from_arrays([*batch.columns, sequence], [*batch.schema.names, "sequence"])
