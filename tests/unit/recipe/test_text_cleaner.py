"""Record batches with clean texts, and counts beside each row."""

import pyarrow as pa

from nlpbatch.recipe.masking import KINDS
from nlpbatch.recipe.text_cleaner import CHANGES, PREFIX, TextCleaner, TextRules

ALL = TextRules(html=True, control_characters=True, masks=KINDS)


def cleaned(batch, *columns, rules=ALL):
    (found,) = TextCleaner(columns, rules)(iter([batch]))
    return found


def test_texts_are_replaced_and_changes_counted_by_row():
    batch = pa.record_batch({"id": [1, 2, 3], "text": ["a@b.kr 와 <b>c@d.kr</b>\x01", None, "그대로"]})
    found = cleaned(batch, "text")
    assert found.schema.names == ["id", "text", *(f"{PREFIX}{name}" for name in CHANGES)]
    rows = found.to_pylist()
    assert [row["text"] for row in rows] == ["[EMAIL] 와 [EMAIL]", None, "그대로"]
    counted = [{name: row[f"{PREFIX}{name}"] for name in CHANGES if row[f"{PREFIX}{name}"]} for row in rows]
    assert counted == [{"html": 1, "control_characters": 1, "email": 2}, {}, {}]


def test_lists_keep_their_elements_and_several_columns_are_counted_together():
    kind = pa.list_(pa.large_string())
    batch = pa.record_batch({"a": ["a@b.kr", "x"], "b": pa.array([["<br>", None, "가 a@b.kr"], None], kind)})
    found = cleaned(batch, "a", "b")
    assert found.schema.field("b").type == kind
    assert found["b"].to_pylist() == [["", None, "가 [EMAIL]"], None]
    assert found[f"{PREFIX}email"].to_pylist() == [2, 0]


def test_a_part_of_a_larger_batch_is_cleaned_alone():
    batch = pa.record_batch({"text": ["a@b.kr", "c@d.kr", "가"]}).slice(1)
    found = cleaned(batch, "text")
    assert found["text"].to_pylist() == ["[EMAIL]", "가"]


def test_html_and_control_characters_hide_no_number():
    rules = TextRules(html=True, control_characters=True, masks=("phone",))
    assert rules.apply("010-<b>1234</b>-56\x0778")[0] == "[PHONE]"
    assert rules.apply("010&#45;1234-5678")[0] == "[PHONE]"


def test_rules_that_are_off_do_nothing():
    text = "<b>a@b.kr</b>\x01"
    assert TextRules(html=False, control_characters=False, masks=()).apply(text) == (text, {})
