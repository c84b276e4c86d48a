import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.encode import ENCODERS, to_arrow, to_json
from nlpbatch.engine.operations import Analysed
from nlpbatch.wire.arrow import decode_answer, join_answer
from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DOCUMENT_CODES, DocumentError

INT32 = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(max_size=5)
BY_TYPE = {
    "string": TEXT,
    "int32": INT32,
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
}


class AnyToken:
    """A token with whatever it is given."""

    def __init__(self, members: dict) -> None:
        self.__dict__.update(members)


TOKENS = st.fixed_dictionaries(
    {name: BY_TYPE[field.type] for name, field in TOKEN_FIELDS.items()} | {"script": st.none() | TEXT}
).map(AnyToken)
ERRORS = st.builds(DocumentError, st.sampled_from(DOCUMENT_CODES), TEXT)
OUTCOMES = st.lists(
    st.builds(Analysed, st.lists(TOKENS, max_size=4))
    | st.builds(Analysed, st.none())
    | st.builds(Analysed, st.none(), ERRORS),
    max_size=6,
)
FIELDS = st.lists(st.sampled_from(list(TOKEN_FIELDS)), min_size=1, unique=True)


def asking(fields):
    return Options(fields=tuple(fields))


def expected(outcomes, fields):
    return [
        {
            "tokens": None
            if analysed.tokens is None
            else [{name: getattr(token, name) for name in fields} for token in analysed.tokens],
            "error": analysed.error and {"code": analysed.error.code, "message": analysed.error.message},
        }
        for analysed in outcomes
    ]


@given(OUTCOMES, FIELDS)
def test_json_says_what_was_found_in_the_order_of_the_fields(outcomes, fields):
    rows = json.loads(b"[" + to_json(outcomes, asking(fields)) + b"]")
    assert rows == expected(outcomes, fields)
    assert all(list(token) == fields for row in rows for token in row["tokens"] or ())


@given(OUTCOMES, FIELDS)
def test_arrow_says_what_was_found_in_the_order_of_the_fields(outcomes, fields):
    stream = join_answer([to_arrow(outcomes, asking(fields))], options=asking(fields), analyzer="a", fingerprint="f")
    assert decode_answer(stream, documents=len(outcomes), options=asking(fields)).to_pylist() == expected(
        outcomes, fields
    )


@given(OUTCOMES, st.integers(0, 6))
def test_chunks_encoded_apart_and_joined_are_the_whole(outcomes, cut):
    fields = tuple(TOKEN_FIELDS)
    parts = [part for part in (outcomes[:cut], outcomes[cut:]) if part]
    stream = join_answer(
        [to_arrow(part, asking(fields)) for part in parts], options=asking(fields), analyzer="a", fingerprint="f"
    )
    rows = json.loads(b"[" + b",".join(to_json(part, asking(fields)) for part in parts) + b"]")
    assert decode_answer(stream, documents=len(outcomes), options=asking(fields)).to_pylist() == rows


def test_hangul_is_not_escaped_in_json():
    token = AnyToken({"form": "가"})
    assert "가".encode() in to_json([Analysed([token])], asking(("form",)))


@pytest.mark.parametrize("encoding", ["arrow", "json"])
def test_both_encodings_have_an_encoder(encoding):
    assert isinstance(ENCODERS[encoding]([], asking(("form",))), bytes)


def test_text_in_arrow_is_plain_for_spark_takes_no_dictionaries():
    stream = join_answer(
        [to_arrow([Analysed([AnyToken({"form": "가"})])], asking(("form",)))],
        options=asking(("form",)),
        analyzer="a",
        fingerprint="f",
    )
    with pa.ipc.open_stream(stream) as reader:
        assert reader.schema.field("tokens").type == pa.list_(pa.struct([pa.field("form", pa.string())]))
