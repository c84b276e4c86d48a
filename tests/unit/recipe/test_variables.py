"""Variables: what is filled where, and what is refused before anything runs."""

from datetime import date

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.variables import parse_assignments, placeholders

TODAY = date(2026, 3, 1)
DATED = {
    "source": {"sql": "SELECT * FROM t WHERE dt = '{{ ds }}' AND hour < '{{ds_nodash}}00'"},
    "analyze": {"columns": ["review"], "where": "region = '{{ region }}'"},
    "sink": {"path": "hdfs:///out/{{ region }}/date={{ date }}"},
}


def refused(members, given):
    with pytest.raises(ConfigError) as caught:
        Recipe.check(members, "r.toml", given)
    return caught.value.message.splitlines()


def test_a_date_fills_all_its_names_wherever_it_is_read_or_written():
    for name in ("ds", "date"):
        recipe = Recipe.check(DATED, variables={name: "2026-11-01", "region": "kr"})
        assert recipe.source.sql == "SELECT * FROM t WHERE dt = '2026-11-01' AND hour < '2026110100'"
        assert recipe.analyze.where == "region = 'kr'"
        assert recipe.sink.path == "hdfs:///out/kr/date=2026-11-01"
        assert recipe.variables == {"ds": "2026-11-01", "region": "kr"}
        assert "variables" not in recipe.to_members()
    assert placeholders(DATED) == {"ds", "region"}


def test_two_braces_can_be_written_and_a_recipe_without_variables_is_as_ever():
    plain = {"source": {"sql": "SELECT '{{ '{{' }}x}}', '{' "}, "sink": {"path": "/out"}}
    assert Recipe.check(plain).source.sql == "SELECT '{{x}}', '{' "
    assert Recipe.check(plain).variables == {}


def test_variables_that_are_missing_or_unknown_are_all_named_with_the_remedy():
    assert refused(DATED, {"regio": "kr"}) == [
        "r.toml: --set regio: the recipe has no {{ regio }}: did you mean region?",
        "r.toml: [source] sql has {{ ds }}, which isn't set: give --set ds=2026-11-30",
        "r.toml: [source] sql has {{ ds_nodash }}, which isn't set: give --set ds=2026-11-30",
        "r.toml: [analyze] where has {{ region }}, which isn't set: give --set region=…",
        "r.toml: [sink] path has {{ region }}, which isn't set: give --set region=…",
        "r.toml: [sink] path has {{ date }}, which isn't set: give --set ds=2026-11-30",
    ]


@pytest.mark.parametrize("value", ["2026-13-01", "2026-02-29", "20261101", "2026-W01-1", "1.11.2026", ""])
def test_a_date_that_is_none_is_refused(value):
    (fault,) = refused(DATED, {"ds": value, "region": "kr"})
    assert fault == f"r.toml: --set ds={value}: not a date: write it as 2026-11-30, or today, or yesterday"


@pytest.mark.parametrize("value", ["", "..", "a/b", "kr' OR '1", "a b", '"', "`", "*", ".hidden", "{{ x }}", "a\n"])
def test_a_value_that_could_leave_its_quotes_or_its_directory_is_refused(value):
    (fault,) = refused(DATED, {"ds": "2026-11-01", "region": value})
    assert "a value is letters, digits and _ - :" in fault


@pytest.mark.parametrize("value", ["kr", "서울", "v1.2", "10:30", "a-b_c"])
def test_other_values_are_taken_as_they_are(value):
    assert Recipe.check(DATED, variables={"ds": "2026-11-01", "region": value}).sink.path.startswith(
        f"hdfs:///out/{value}/"
    )


def test_what_is_read_by_date_is_written_by_date():
    (fault,) = refused(DATED | {"sink": {"path": "/out/{{ region }}"}}, {"ds": "2026-11-01", "region": "kr"})
    assert fault == (
        "r.toml: [source] sql has {{ ds }}, and [sink] path hasn't: each value would replace what another one made: "
        'add it to the path: "…/date={{ ds }}"'
    )


def test_expressions_and_placeholders_elsewhere_are_refused():
    members = {
        "source": {"files": "/in/{{ macros.ds_add(ds, -1) }}", "format": "{{ ds }}"},
        "sink": {"path": "/out/{{ ds }}"},
    }
    said = "\n".join(refused(members, {"ds": "2026-11-01"}))
    assert "[source] files has {{ macros.ds_add(ds, -1) }}: only names are filled in: compute in SQL instead" in said
    assert "[source] format has {{ ds }}, and placeholders are filled in sql, table, files, where, path only" in said


def test_the_command_lines_words_are_days_of_the_one_who_gives_it():
    assert parse_assignments(["ds=yesterday", "region=today"], TODAY) == {"ds": "2026-02-28", "region": "today"}
    assert parse_assignments(["date=today"], TODAY) == {"date": "2026-03-01"}
    assert parse_assignments([], TODAY) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["ds"], "--set ds: not a variable and its value: write it as --set ds=2026-11-30"),
        (["1=2"], "not a variable and its value"),
        (["ds=2026-01-01", "ds=2026-01-02"], "--set ds is given twice"),
    ],
)
def test_assignments_that_are_none_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        parse_assignments(given, TODAY)


def test_one_date_has_one_value():
    assert "are the same variable" in "\n".join(refused(DATED, {"ds": "2026-01-01", "date": "2026-01-02"}))
    assert "it follows from the date" in "\n".join(refused(DATED, {"ds_nodash": "20260101", "region": "kr"}))
