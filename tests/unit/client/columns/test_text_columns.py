import pyarrow as pa
import pytest

from nlpbatch.client.columns.text_columns import text_columns, with_outcomes
from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.options import Options

ASKED = Options(fields=("form",))
SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("title", pa.dictionary(pa.int32(), pa.large_string())),
        pa.field("parts", pa.large_list(pa.string_view())),
        pa.field("a.b", pa.string()),
    ]
)


@pytest.mark.parametrize(
    ("texts", "options", "names"),
    [
        (["title"], ASKED, ["tokens", "error"]),
        (["a.b"], Options(sentences=True), ["tokens", "sentences", "error"]),
        (["title"], Options("space"), ["spaced", "error"]),
        (["title", "parts"], ASKED, ["title_tokens", "title_error", "parts_tokens", "parts_error"]),
    ],
)
def test_the_added_columns_come_last_and_are_called_as_a_jobs(texts, options, names):
    whole = with_outcomes(SCHEMA, text_columns(SCHEMA, texts, options))
    assert whole.names == [*SCHEMA.names, *names]
    assert whole.types[: len(SCHEMA)] == SCHEMA.types


def test_lists_of_texts_get_lists_of_answers_and_one_error():
    (column,) = text_columns(SCHEMA, ["parts"], ASKED)
    tokens = pa.list_(pa.struct([pa.field("form", pa.string())]))
    assert column.is_array
    assert [field.type for field in column.added][:1] == [pa.list_(tokens)]
    assert pa.types.is_struct(column.added[-1].type)
    assert column.error == "error"


@pytest.mark.parametrize(
    ("schema", "texts", "said"),
    [
        (SCHEMA, ["tittle"], "there is no column 'tittle': did you mean title?"),
        (SCHEMA, ["id"], "column 'id' is int64, not string: choose from title, parts, a.b"),
        (pa.schema([("n", pa.int8())]), ["n"], "column 'n' is int8, not string: cast it to string"),
        (pa.schema([("t", pa.string()), ("t", pa.string())]), ["t"], "there are several columns 't'"),
        (pa.schema([("t", pa.string()), ("ERROR", pa.int8())]), ["t"], "there is a column 'error' already"),
        (pa.schema([("a", pa.string()), ("a_tokens", pa.string())]), ["a", "a_tokens"], "'a_tokens' already"),
        (SCHEMA, ["title", "title"], "there is a column 'title_tokens' already"),
    ],
)
def test_columns_that_cannot_be_used_are_named_with_the_remedy(schema, texts, said):
    with pytest.raises(InvalidRequest) as refused:
        text_columns(schema, texts, ASKED)
    assert said in refused.value.message
