"""One function whose results are as odd as a declaration allows: nested, with nulls at each level and odd names."""

import pyarrow as pa

from nlpbatch.engine.functions import Functions, Operation

PART = pa.struct([("form", pa.string()), ("점수", pa.float32())])
NESTED = pa.struct(
    [
        ("a b.c", pa.bool_()),
        ("parts", pa.list_(PART)),
        ("flags", pa.list_(pa.bool_())),
        ("ids", pa.list_(pa.list_(pa.int64()))),
        ("of", pa.struct([("of", pa.struct([("tenth", pa.float32()), ("big", pa.int64())]))])),
    ]
)


def load() -> Functions:
    """Return it; it is the only one, so that requests needn't name it."""

    def nest(text: str) -> dict:
        if not text:
            return {"a b.c": None, "parts": [], "flags": None, "ids": [None, []], "of": {"of": None}}
        if text == "raise":
            raise ValueError
        parts = [{"form": word, "점수": 0.1 * len(word)} for word in text.split()]
        inner = {"tenth": 0.1, "big": 2**53 + 1}
        return {
            "a b.c": True,
            "parts": [*parts, None],
            "flags": [True, None],
            "ids": [[1], [None]],
            "of": {"of": inner},
        }

    return Functions({"nest": Operation(nest, NESTED, "words in a structure")})
