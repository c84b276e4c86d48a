import pytest

from nlpbatch.formats.json_shape import json_shape


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ('{"a": 1}\n{"a": 2}\n', "lines"),
        ('{"a": \n{"a": 2}\n', "lines"),
        ('{"a": 1', "lines"),
        ('[{"a": 1}]', "array"),
        ('\ufeff \n[\n {"a": 1}\n]', "array"),
        ('{\n  "a": 1\n}\n', "pretty"),
        ('{"a": [\n1]}\n', "pretty"),
        ("", "lines"),
        ("3\n", "lines"),
    ],
)
def test_the_shape_is_seen_at_the_beginning(text, shape):
    assert json_shape(text, is_all=True) == shape
