"""The report of samples as they come: labels with one value, columns of nothing, all rows or some."""

import json

import numpy as np
import pyarrow as pa
import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.profile import ProfileColumns, page, report, to_json
from nlpbatch.profile.measures import measure
from nlpbatch.profile.view import Tokens
from nlpbatch.sampling import Design, Sample
from nlpbatch.sampling.design import UNIT, WEIGHT

COUNT = 300


def drawn(*, is_all=False, **columns):
    table = pa.table({"review": [f"영화가 재밌다 {number}" for number in range(COUNT)], **columns})
    table = table.append_column(UNIT, pa.array(np.arange(COUNT) // 30, pa.int32()))
    total = COUNT if is_all else 10 * COUNT
    return Sample(table, Design("somewhere", 1, COUNT, total, 10, 100, 10, 100, 1, 1))


def reported(sample, **columns):
    """Return the report, which also has to be a page and JSON."""
    found = report(sample, ProfileColumns("review", **columns), None)
    assert "<!doctype html>" in page(found)
    assert json.loads(to_json(found)) == json.loads(json.dumps(found))
    return found


def test_a_report_without_any_other_column():
    found = reported(drawn())
    assert found["lengths"]["characters"]["mean"] == pytest.approx(10.63, abs=0.01)
    assert found["labels"] is found["groups"] is found["drift"] is found["words"] is None


def test_labels_have_their_shares_with_a_margin():
    found = reported(drawn(label=["good", "bad", "bad"] * (COUNT // 3)), label="label")
    shares = {one["value"]: one["share"] for one in found["labels"]}
    assert shares["good"]["mean"] == pytest.approx(1 / 3)
    assert shares["good"]["margin"] is not None


def intervals(found):
    """Yield all estimates of a report."""
    if isinstance(found, dict):
        if "margin" in found:
            yield found
        for value in found.values():
            yield from intervals(value)
    elif isinstance(found, list):
        for value in found:
            yield from intervals(value)


def test_no_interval_of_lengths_grades_and_shares_goes_beyond_what_they_can_be():
    grades = [10, 10, 9, 10, 1, 10] * (COUNT // 6)
    texts = ["가" * (1 + 200 * (number % 97 == 0)) for number in range(COUNT)]
    sample = drawn(label=grades, group=[f"g{number % 40}" for number in range(COUNT)], date=["2018-01-01"] * COUNT)
    sample = Sample(sample.table.set_column(0, "review", [texts]), sample.design)
    found = reported(sample, label="label", group="group", date="date")
    drawn_intervals = [one for one in intervals(found) if one["low"] is not None]
    assert len(drawn_intervals) > 10
    assert all(0 <= one["low"] <= one["mean"] <= one["high"] for one in drawn_intervals)
    assert any(one["low"] > one["mean"] - one["margin"] for one in drawn_intervals if one["margin"] is not None)
    assert all(one["share"]["high"] <= 1 for one in found["labels"])
    assert all(one["label"]["high"] <= 10 for one in found["groups"] if one["label"]["high"] is not None)
    assert '"low": -' not in page(found)


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["가" * 10, "가" * 12, "가" * 14] * (COUNT // 3), "12.0 <small>± "),
        (["가" * 200, *[""] * (COUNT // 10 - 1)] + [""] * (COUNT - COUNT // 10), "0.7 <small>0.0 to "),
        (["가"] * COUNT, "0.00% <small>at most "),
        ([None] * (COUNT - 1) + ["가"], "99.67% <small>"),
    ],
    ids=["symmetric", "ended", "none of them", "most of them"],
)
def test_the_page_shows_how_far_numbers_may_be_off_and_never_more_than_they_can(texts, shown):
    sample = drawn()
    sample = Sample(sample.table.set_column(0, "review", [texts]), sample.design)
    assert shown in page(reported(sample))


def test_nothing_is_off_if_the_sample_is_all_there_is():
    found = reported(drawn(is_all=True))
    assert found["lengths"]["characters"]["margin"] == 0


def test_a_label_with_one_value_is_said_to_teach_nothing():
    found = reported(drawn(label=["good"] * COUNT), label="label")
    assert any("one value only" in note for note in found["notes"])


@pytest.mark.parametrize("kind", [pa.null(), pa.string(), pa.int64(), pa.float64()])
def test_columns_of_nothing_do_no_harm(kind):
    nothing = pa.array([None] * COUNT, kind)
    found = reported(drawn(label=nothing, group=nothing, date=nothing), label="label", group="group", date="date")
    assert found["drift"] is None
    assert any("no dates" in note for note in found["notes"])


@pytest.mark.parametrize("kind", [pa.null(), pa.string()])
def test_texts_that_are_all_null_are_said_to_be(kind):
    sample = drawn()
    sample = Sample(sample.table.set_column(0, "review", pa.array([None] * COUNT, kind)), sample.design)
    found = reported(sample)
    assert any("null in every row" in note for note in found["notes"])


def test_numbers_as_labels_are_averaged_over_time_and_groups():
    found = reported(
        drawn(
            label=[number % 10 for number in range(COUNT)],
            group=["a", "b", None] * (COUNT // 3),
            date=["2018-01-01", "2018-02-01", "2018-03-01"] * (COUNT // 3),
        ),
        label="label",
        group="group",
        date="date",
    )
    assert [one["period"] for one in found["drift"]] == ["2018-01", "2018-02", "2018-03"]
    assert {one["group"] for one in found["groups"]} == {"a", "b", "(missing)"}
    assert found["groups"][0]["label"]["mean"] is not None


def test_words_are_listed_by_label_and_unknown_ones_separately():
    kind = pa.struct([("form", pa.string()), ("tag", pa.string()), ("lemma", pa.string()), ("oov", pa.bool_())])
    good = [{"form": "재밌", "tag": "VA", "lemma": "재밌다", "oov": False}]
    bad = [
        {"form": "지루", "tag": "XR", "lemma": None, "oov": False},
        {"form": "쉣", "tag": "NNG", "lemma": "쉣", "oov": True},
    ]
    tokens = Tokens(pa.array(range(COUNT)), pa.array([good, bad, None] * (COUNT // 3), pa.list_(kind)))
    sample = drawn(label=["good", "bad", "bad"] * (COUNT // 3))
    found = measure(sample, ProfileColumns("review", label="label"), tokens)
    marked = {one["value"]: [word["word"] for word in one["words"]] for one in found["words"]["marks"]["label"]}
    assert marked == {"good": ["재밌다"], "bad": ["지루", "쉣"]}
    assert found["words"]["unknown_share"] == pytest.approx(1 / 3)
    assert found["words"]["unknown_examples"] == [{"word": "쉣", "count": 100}]
    assert "쉣" in page(found)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": "text"}, "no column 'text': choose from review"),
        ({"text": "number"}, "'number' is int64, not text"),
        ({"text": "review", "label": "lable"}, "no column 'lable'"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(columns, message):
    with pytest.raises(ConfigError, match=message):
        report(drawn(number=range(COUNT)), ProfileColumns(**columns), None)


def test_elements_of_arrays_are_texts_of_their_own():
    sample = drawn(label=[0, 1, 2] * (COUNT // 3))
    arrays = pa.array([["하나", "둘둘"], [], None] * (COUNT // 3))
    sample = Sample(sample.table.set_column(0, "review", arrays), sample.design)
    found = reported(sample, label="label")
    assert found["texts"]["rows"] == 2 * COUNT // 3
    assert [one["value"] for one in found["labels"]] == ["0"]
    assert any("each of their 200 elements" in note for note in found["notes"])


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.struct([("a", pa.int64())]), pa.binary()])
@pytest.mark.parametrize("role", ["text", "label", "group", "date"])
def test_columns_of_what_is_neither_text_nor_number_nor_date_are_refused(role, kind):
    sample = drawn(odd=pa.nulls(COUNT, kind))
    with pytest.raises(ConfigError, match="choose"):
        report(sample, ProfileColumns(**{"text": "review", role: "odd"}), None)


def test_a_stratified_sample_is_weighed():
    texts = ["가" * 100] * (COUNT // 2) + ["a"] * (COUNT // 2)
    weights = pa.array([1.0] * (COUNT // 2) + [99.0] * (COUNT // 2))
    sample = drawn()
    sample = Sample(sample.table.set_column(0, "review", [texts]).append_column(WEIGHT, weights), sample.design)
    found = reported(sample)
    lengths = found["lengths"]["characters"]
    assert lengths["mean"] == pytest.approx(1.99)
    assert lengths["quantiles"]["median"] == 1
    assert {one["script"]: round(one["share"], 3) for one in found["scripts"]} == {"한글": 0.503, "Latin": 0.497}
    assert any("drawn by label" in note for note in found["notes"])


def test_numbers_too_large_for_floats_are_labels_and_groups(tmp_path):
    numbers = pa.array([2**60 + number % 3 for number in range(COUNT)], pa.int64())
    found = reported(drawn(number=numbers), label="number", group="number")
    assert [one["count"] for one in found["labels"]] == [100, 100, 100]


def test_texts_cannot_break_out_of_the_page():
    sample = drawn()
    evil = pa.array(["</script><script>alert(1)</script>"] * COUNT)
    sample = Sample(sample.table.set_column(0, "review", evil).append_column("label", evil), sample.design)
    assert "<script>alert(1)" not in page(reported(sample, label="label"))
