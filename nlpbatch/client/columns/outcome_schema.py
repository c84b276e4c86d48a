"""Arrow types of what rows get: what is answered, and the error with what its request took."""

from typing import Final

import pyarrow as pa

from nlpbatch.wire.arrow import answer_schema
from nlpbatch.wire.options import Options

OUTCOME_ERROR_TYPE: Final = pa.struct(
    [
        pa.field("code", pa.string()),
        pa.field("message", pa.string()),
        pa.field("attempts", pa.int32()),
        pa.field("request_id", pa.string()),
    ]
)
"""A row's error, how often its request was sent (0: never), and under which id the service logged the last of them."""


def outcome_schema(options: Options) -> pa.Schema:
    """Return the schema of a block's outcomes: what is answered, and the error in the shape that rows get."""
    *answered, _ = answer_schema(options)
    return pa.schema([*answered, pa.field("error", OUTCOME_ERROR_TYPE)])
