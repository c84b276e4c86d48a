"""Faults know their place in a recipe, and are the lines that a command prints."""

import pytest

from nlpbatch.recipe.faults import VARIABLES, Fault
from nlpbatch.recipe.recipe_file import Recipe

KEYS = {"analyze": ("columns", "fields"), "sink": ("path",)}


@pytest.mark.parametrize(
    ("text", "section", "key"),
    [
        ("[analyze] columns is missing: name the text columns", "analyze", "columns"),
        ("[analyze] columns: the source has no column 'a'", "analyze", "columns"),
        ("[analyze] unknown token field 'from'", "analyze", None),
        ("[features] is made of tokens", None, None),
        ("--set ds=soon: not a date", VARIABLES, "ds"),
        ("the service is missing", None, None),
    ],
)
def test_a_place_is_read_off_the_line(text, section, key):
    fault = Fault.placed(text, KEYS)
    assert (fault, fault.section, fault.key) == (text, section, key)
    assert Fault.placed(fault, {}) is fault


def test_a_fault_whose_line_names_no_key_has_the_key_that_it_was_found_at():
    members = {"source": {"table": "t"}, "analyze": {"columns": ["a", "a"]}, "sink": {"path": "out", "pth": "x"}}
    _, faults = Recipe.draft(members)
    assert [(fault.section, fault.key) for fault in faults] == [("analyze", "columns"), ("sink", "pth")]
    assert faults[0] == "[analyze] column 'a' is named twice: leave one out"


def test_a_draft_has_what_is_right_and_defaults_for_the_rest():
    recipe, faults = Recipe.draft({"sample": {"rows": 0, "seed": 3}})
    assert (recipe.sample.rows, recipe.sample.seed, recipe.sink.path, len(faults)) == (10_000, 3, "", 1)
