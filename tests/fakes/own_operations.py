"""Functions of one's own, as a team would write them: the length of a text, and its words; some texts go wrong."""

import time

import pyarrow as pa

from nlpbatch.engine.functions import Functions, Operation

SIZE = pa.struct([("label", pa.string()), ("code_points", pa.int32()), ("share", pa.float64())])
WORDS = pa.list_(pa.struct([("word", pa.string()), ("at", pa.int64()), ("capital", pa.bool_())]))


def load(long: int = 10) -> Functions:
    """Return them; a text is long from that many code points on."""

    def size(text: str) -> dict:
        if text == "raise":
            raise RuntimeError(f"secret: {text}")
        if text == "slow":
            time.sleep(1)
        if text == "lie":
            return {"label": 7, "code_points": 0, "share": 0.5}
        return {"label": "long" if len(text) >= long else "short", "code_points": len(text), "share": len(text) / long}

    def words(text: str) -> list:
        found, at = [], 0
        for word in text.split(" "):
            found.append({"word": word, "at": at, "capital": word[:1].isupper() if word else None})
            at += len(word) + 1
        return found

    return Functions(
        {
            "size": Operation(size, SIZE, "how long a text is"),
            "words": Operation(words, WORDS, "the words of a text"),
        }
    )
