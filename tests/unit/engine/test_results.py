"""Results of functions of one's own against what they declare."""

import json
from decimal import Decimal

import pyarrow as pa
import pytest

from nlpbatch.engine.results import WrongResult, checker

ROW = pa.struct(
    [("label", pa.string()), ("score", pa.float32()), ("count", pa.int32()), ("flags", pa.list_(pa.bool_()))]
)
RIGHT = {"label": "좋음", "score": 0.1, "count": 2**31 - 1, "flags": [True, None]}


@pytest.mark.parametrize("value", [0.1, -1e-45, 3.4028234e38, 1 / 3, 0.0, 16777217, Decimal("0.7")])
def test_a_number_of_32_bits_is_the_same_in_json_and_arrow(value):
    checked = checker(ROW)(RIGHT | {"score": value})
    (of_arrow,) = pa.array([checked], ROW).to_pylist()
    assert json.loads(json.dumps(checked)) == of_arrow


def test_numbers_of_64_bits_keep_all_of_them():
    type_ = pa.struct([("exact", pa.float64()), ("large", pa.int64())])
    assert checker(type_)({"exact": 0.1, "large": 2**53 + 1}) == {"exact": 0.1, "large": 2**53 + 1}


def test_members_and_entries_may_be_none_and_tuples_are_lists():
    nothing = dict.fromkeys(RIGHT)
    assert checker(ROW)(nothing) == nothing
    assert checker(pa.list_(ROW))((None, nothing)) == [None, nothing]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label": 7}, r"result\.label is a int, declared is a string"),
        ({"label": "\ud800"}, "lone surrogate"),
        ({"score": float("nan")}, r"result\.score is not finite"),
        ({"score": 3.5e38}, "not finite in float"),
        ({"score": True}, r"score is a bool"),
        ({"score": "0.5"}, r"score is a str"),
        ({"count": 2**31}, "out of the range of int32"),
        ({"count": 1.0}, r"count is a float"),
        ({"flags": "yes"}, "flags is a str, declared is a list"),
        ({"flags": [1]}, r"flags\[\] is a int, declared is a bool"),
        ({"more": 1}, "a member that isn't declared"),
    ],
)
def test_what_is_not_declared_is_named_without_its_value(changes, says):
    with pytest.raises(WrongResult, match=says):
        checker(ROW)(RIGHT | changes)


@pytest.mark.parametrize(
    ("value", "says"), [(None, "is None"), ([], "declared is a dict"), ({"label": "a"}, "has no member 'score'")]
)
def test_a_result_is_all_of_it(value, says):
    with pytest.raises(WrongResult, match=says):
        checker(ROW)(value)
