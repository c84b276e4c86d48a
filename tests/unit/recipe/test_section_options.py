"""Sections of recipes: each option is stated once, and values are checked against that."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import pytest

from nlpbatch.recipe import preparation_settings, settings
from nlpbatch.recipe.section_options import COLUMNS, SHARE, options_of, read_section, whole
from nlpbatch.spark.option_types import FLAG, STRING

GUIDE = Path(__file__).parents[3] / "docs" / "recipes.md"
SECTIONS = {
    "source": settings.SourceSettings,
    "sample": settings.SampleSettings,
    "profile": settings.ProfileSettings,
    "join": preparation_settings.JoinSettings,
    "clean": preparation_settings.CleanSettings,
    "expect": preparation_settings.ExpectSettings,
    "analyze": settings.AnalyzeSettings,
    "features": settings.FeatureSettings,
    "sink": settings.SinkSettings,
}


@dataclass(frozen=True)
class Oven:
    degrees: Annotated[int, whole(50, 250), "How hot it is."] = 180
    fan: Annotated[bool, FLAG, "Whether the fan runs."] = False
    racks: Annotated[tuple[str, ...], COLUMNS, "What is in it."] = ()
    humidity: Annotated[float, SHARE, "How humid it is."] = 0.5
    name: Annotated[str | None, STRING, "Whose it is."] = None


def keys_of_the_guide():
    """Return the keys that the guide's table explains, by section."""
    found, section = {}, None
    for line in GUIDE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and (cells[1].startswith("`[") or (section and not cells[1])):
            section = cells[1].strip("`[]") or section
            found.setdefault(section, set()).update(part for part in cells[2].split("`") if part.isidentifier())
    return {name: keys - {"or"} for name, keys in found.items()}


def test_options_are_what_the_annotations_say_in_order():
    options = options_of(Oven)
    assert list(options) == ["degrees", "fan", "racks", "humidity", "name"]
    assert options["degrees"].kind.wanted == "a whole number from 50 to 250"
    assert options["degrees"].help == "How hot it is."


def test_values_are_stored_as_their_options_want_them():
    assert read_section(Oven, "oven", {"racks": "bread", "humidity": 1}) == ({"racks": ("bread",), "humidity": 1.0}, [])


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"degrees": 49}, "[oven] degrees = 49 is not a whole number from 50 to 250"),
        ({"degrees": 251}, "[oven] degrees = 251 is not a whole number from 50 to 250"),
        ({"degrees": True}, "[oven] degrees = True is not a whole number from 50 to 250"),
        ({"humidity": 0}, "[oven] humidity = 0 is not a number over 0 and up to 1"),
        ({"fan": "on"}, "[oven] fan = 'on' is not true or false"),
        ({"racks": ["a", "a"]}, "[oven] column 'a' is named twice: leave one out"),
        ({"degree": 50}, "[oven] has an unknown key 'degree': did you mean degrees?"),
        ({"x": 1}, "[oven] has an unknown key 'x': choose from degrees, fan, racks, humidity, name"),
    ],
)
def test_a_value_that_is_wrong_is_named_with_what_is_right(given, fault):
    assert read_section(Oven, "oven", given)[1] == [fault]


def test_all_faults_of_a_section_are_found_and_right_values_kept():
    values, faults = read_section(Oven, "oven", {"degrees": 1, "fan": 2, "name": "mine"})
    assert (values, len(faults)) == ({"name": "mine"}, 2)


def test_a_whole_number_without_an_upper_bound_may_be_any():
    kind = whole(1)
    assert kind.wanted == "a whole number from 1"
    assert [kind.accepts(value) for value in (0, 1, 10**18)] == [False, True, True]


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_each_option_of_a_recipe_has_a_sentence_and_accepts_its_default(section):
    for item in fields(section):
        option = options_of(section)[item.name]
        assert option.help.endswith(".")
        default = getattr(section(), item.name)
        given = list(default) if isinstance(default, tuple) else default
        assert given is None or option.kind.accepts(given), item.name


@pytest.mark.parametrize(("name", "section"), SECTIONS.items(), ids=SECTIONS)
def test_the_guide_explains_every_option_and_no_other(name, section):
    assert keys_of_the_guide()[name] == set(options_of(section))
