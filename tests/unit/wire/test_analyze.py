import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.errors import InvalidRequest, NlpbatchError, UnexpectedAnswer, UnknownField
from nlpbatch.wire.analyze import JsonRequest, parse_answer, parse_request
from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import Outcome, Token

any_text = st.text(st.characters())  # lone surrogates too
field_lists = st.lists(st.sampled_from(list(TOKEN_FIELDS)), min_size=1, unique=True).map(tuple)


@given(st.lists(st.none() | any_text), st.text(), field_lists)
def test_a_request_is_the_same_on_both_sides_of_the_wire(texts, analyzer, fields):
    request = JsonRequest(tuple(texts), Options(analyzer=analyzer, fields=fields))
    assert parse_request(request.to_json()) == request


def test_hangul_travels_as_utf_8_which_is_half_of_what_escapes_take():
    assert "가나다".encode() in JsonRequest(("가나다",)).to_json()


def test_a_lone_surrogate_travels_as_an_escape():
    body = JsonRequest(("가\ud800",)).to_json()
    assert body.isascii()
    assert parse_request(body).documents == ("가\ud800",)


def test_options_left_out_have_their_defaults():
    assert parse_request(b'{"texts": []}').options == Options()


@pytest.mark.parametrize(
    ("body", "path", "why"),
    [
        (b"", None, "not JSON: .* line 1, column 1"),
        (b'{"texts": [', None, "not JSON"),
        (b'{"texts": ["\xff"]}', None, "not UTF-8 at byte 12"),
        (b"[" * 100_000, None, "nested too deeply"),
        (b'{"texts":' + b"[" * 100_000, None, "nested too deeply"),
        (b"[]", "", "the body is a JSON array"),
        (b'"x"', "", "the body is a JSON string"),
        (b"null", "", "the body is a JSON null"),
        (b"{}", "/texts", 'no "texts"'),
        (b'{"texts": "x"}', "/texts", "texts is a string"),
        (b'{"texts": {}}', "/texts", "texts is a object"),
        (b'{"texts": ["a", 5]}', "/texts/1", "text 1 is a number"),
        (b'{"texts": [true]}', "/texts/0", "text 0 is a boolean"),
        (b'{"texts": [["a"]]}', "/texts/0", "text 0 is a array"),
        (b'{"texts": [], "text": 1}', "/text", "unknown member 'text'"),
        (b'{"texts": [], "analyzer": 5}', "/analyzer", "analyzer is not a string"),
        (b'{"texts": [], "fields": "form"}', "/fields", "fields is not an array"),
        (b'{"texts": [], "fields": [5]}', "/fields", "fields is not an array of strings"),
    ],
)
def test_a_malformed_request_is_refused_with_the_path_of_the_fault(body, path, why):
    with pytest.raises(InvalidRequest, match=why) as caught:
        parse_request(body)
    assert caught.value.details.get("path") == path


def test_an_unknown_field_is_named():
    with pytest.raises(UnknownField, match="'colour'"):
        parse_request(b'{"texts": [], "fields": ["colour"]}')


@given(st.binary() | st.text().map(str.encode))
def test_no_body_whatever_does_anything_but_parse_or_refuse(body):
    try:
        parse_request(body)
    except NlpbatchError as error:
        assert error.message  # noqa: PT017


@given(field_lists, st.text())
def test_options_are_the_same_on_both_sides_of_a_query(fields, analyzer):
    options = Options(analyzer=analyzer, fields=fields)
    assert Options.from_query(options.to_query()) == options


def test_an_unknown_query_parameter_is_refused():
    with pytest.raises(InvalidRequest, match="'feilds'"):
        Options.from_query({"feilds": "form"})


def test_an_answer_becomes_values():
    members = {
        "analyzer": "default",
        "fingerprint": "f1",
        "outcomes": [
            {"tokens": [{"form": "가", "start": 0}], "error": None},
            {"tokens": None, "error": {"code": "invalid_text", "message": "…"}},
            {"tokens": None, "error": None},
        ],
    }
    analysis = parse_answer(json.dumps(members).encode(), documents=3)
    assert analysis.outcomes[0] == Outcome((Token({"form": "가", "start": 0}),))
    assert analysis[1].error.code == "invalid_text"
    assert analysis[1:] == analysis.outcomes[1:]
    assert list(analysis) == list(analysis.outcomes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"analyzer": "a", "fingerprint": "f"}',
        b'{"analyzer": "a", "fingerprint": "f", "outcomes": 5}',
        b'{"analyzer": "a", "fingerprint": "f", "outcomes": [5]}',
        b'{"analyzer": "a", "fingerprint": "f", "outcomes": [{}]}',
        b'{"analyzer": "a", "fingerprint": "f", "outcomes": [{"tokens": 5, "error": null}]}',
        b'{"analyzer": "a", "fingerprint": "f", "outcomes": [{"tokens": [5], "error": null}]}',
        b'{"analyzer": "a", "fingerprint": "f", "outcomes": [{"tokens": null, "error": "x"}]}',
    ],
)
def test_an_answer_that_is_none_is_unexpected(body):
    with pytest.raises(UnexpectedAnswer, match="is not an analysis"):
        parse_answer(body, documents=1)


@pytest.mark.parametrize("documents", [0, 2])
def test_an_answer_with_another_number_of_outcomes_is_unexpected(documents):
    body = b'{"analyzer": "a", "fingerprint": "f", "outcomes": [{"tokens": [], "error": null}]}'
    with pytest.raises(UnexpectedAnswer, match=f"1 outcomes for {documents} documents"):
        parse_answer(body, documents=documents)
