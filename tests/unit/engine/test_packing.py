import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.contents import Chunks, Morphemes, Text, read_content
from nlpbatch.engine.documents import from_json, from_stream
from nlpbatch.engine.packing import InvalidDocument
from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.arrow import document_type, encode_request
from nlpbatch.wire.tags import KIWI_TAGS

MORPHEME = pa.struct([("form", pa.string()), ("tag", pa.string()), ("space", pa.bool_())])
FORMS = st.text(max_size=8)
MORPHEMES = st.lists(st.tuples(FORMS, st.sampled_from(KIWI_TAGS), st.sampled_from([None, True, False])), max_size=6)


@given(st.lists(st.none() | MORPHEMES, max_size=6))
def test_morphemes_come_out_as_they_went_in_from_json_and_from_arrow(documents):
    rows = [row and [dict(zip(("form", "tag", "space"), one, strict=True)) for one in row] for row in documents]
    in_json = from_json("join", documents)
    assert from_stream(encode_request(pa.array(rows, pa.list_(MORPHEME)), "join"), "join").equals(in_json)
    for document, packed in zip(documents, in_json.to_pylist(), strict=True):
        if document is None:
            assert packed is None
        else:
            plain = [one if one[2] is not None else one[:2] for one in document]
            assert read_content("join", packed) == Morphemes(plain)


@given(st.lists(st.none() | st.lists(FORMS, max_size=5), max_size=6), st.data())
def test_chunks_come_out_as_they_went_in_with_their_line_ends(documents, data):
    flags = [data.draw(st.none() | st.just([True] * len(one))) if one else None for one in documents]
    in_json = from_json("glue", documents, flags)
    columns = pa.array(documents, pa.list_(pa.string())), pa.array(flags, pa.list_(pa.bool_()))
    assert from_stream(encode_request(columns[0], "glue", columns[1]), "glue").equals(in_json)
    for document, flag, packed in zip(documents, flags, in_json.to_pylist(), strict=True):
        if document is not None:
            assert read_content("glue", packed) == Chunks(document, flag or [False] * len(document))


@given(st.text(max_size=20), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).map(list), max_size=3))
def test_a_text_comes_out_with_its_spans(text, spans):
    (packed,) = from_json("analyze", [text], [spans]).to_pylist()
    content = read_content("analyze", packed)
    assert isinstance(content, Text)
    assert (content.text, list(content.spans)) == (text, spans)


@pytest.mark.parametrize("form", ["\ud83d", "가\udfff"])
def test_a_form_that_is_no_unicode_costs_its_document(form):
    (packed,) = from_json("join", [[["가", "NNG"], [form, "NNG"]]]).to_pylist()
    with pytest.raises(InvalidDocument, match="entry 1 is null or not UTF-8"):
        read_content("join", packed)


@pytest.mark.parametrize("form", [b"\xff", b"a\xfeNNG\xffb", b"\xfe", None])
def test_bytes_that_look_like_marks_cannot_make_another_document(form):
    kind = pa.list_(pa.struct([("form", pa.binary()), ("tag", pa.binary())]))
    column = pa.array([[{"form": form, "tag": b"NNG"}]], kind)
    strings = column.view(pa.list_(pa.struct([("form", pa.string()), ("tag", pa.string())])))
    (packed,) = from_stream(encode_request(strings, "join"), "join").to_pylist()
    with pytest.raises(InvalidDocument, match="entry 0 is null or not UTF-8"):
        read_content("join", packed)


@pytest.mark.parametrize("kind", [pa.list_(pa.int32()), pa.string(), pa.list_(pa.list_(pa.string()))])
def test_a_column_of_another_type_is_refused_with_the_right_one(kind):
    with pytest.raises(InvalidRequest, match=r"send list<string>"):
        from_stream(encode_request(pa.array([None], kind), "glue"), "glue")


def test_large_lists_and_strings_are_taken():
    column = pa.array([["가", "나"], None], pa.large_list(pa.large_string()))
    assert from_stream(encode_request(column, "glue"), "glue").equals(from_json("glue", [["가", "나"], None]))


def _body(chance):
    """Return an operation and a request of it."""
    flags, kind = pa.array([[True, False], None, []], pa.list_(pa.bool_())), pa.list_(pa.string())
    morphemes = [[{"form": "가" * chance.randint(0, 5), "tag": "NNG", "space": True}], None, []]
    chunks = pa.array([["가나", "x" * chance.randint(0, 30)], None, []], kind)
    token = {"form": "가", "tag": "NNG", "start": 0, "end": 1}
    spans = pa.array(
        [[{"start": 0, "end": 1, "tag": "NNG", "tokens": [token]}], None, []], document_type("pretokenized")
    )
    return chance.choice(
        [
            ("join", encode_request(pa.array(morphemes, pa.list_(MORPHEME)), "join")),
            ("glue", encode_request(chunks, "glue", chance.choice([None, flags]))),
            ("analyze", encode_request(pa.array(["가나", None, "다"]), "analyze", spans)),
        ]
    )


def test_damaged_streams_are_refused_or_read_and_nothing_else():
    chance = random.Random(7)
    refused = 0
    for _ in range(1500):
        operation, body = _body(chance)
        content = bytearray(body)
        for _ in range(chance.choice([1, 1, 2, 8])):
            at = chance.randrange(len(content) - 4)
            if chance.random() < 0.5:
                content[at] ^= 1 << chance.randrange(8)
            else:
                content[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"])
        try:
            from_stream(bytes(content), operation)
        except InvalidRequest:
            refused += 1
    assert refused > 500
