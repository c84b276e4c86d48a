"""What the page shows of a draft: the faults that a command prints, each at its place, and the graph."""

import tomllib
from datetime import date
from pathlib import Path

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.document import Edit, apply
from nlpbatch.pipelines.editing.draft import assignments, command_for, describe_draft
from nlpbatch.pipelines.editing.typed import describe_sections
from nlpbatch.recipe.recipe_file import SECTIONS, Recipe
from nlpbatch.recipe.section_options import options_of
from nlpbatch.recipe.variables import parse_assignments

RIGHT = """\
[source]
files = "reviews.parquet"

[analyze]
columns = ["review"]

[sink]
path = "out"
"""


def lines_of_the_command(text, tmp_path, **given):
    """Return what `nlpbatch run` says of a file with this text, without the file's name."""
    file = tmp_path / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    try:
        Recipe.load(file, given)
    except ConfigError as error:
        return [line.removeprefix(f"{file}: ") for line in error.message.splitlines()]
    return []


@pytest.mark.parametrize(
    ("section", "key", "typed", "place"),
    [
        ("sample", "rows", "0", ("sample", "rows")),
        ("sample", "rows", "many", ("sample", "rows")),
        ("sample", "read_share", "1.5", ("sample", "read_share")),
        ("source", "format", "xlsx", ("source", "format")),
        ("source", "encoding", "klingon", ("source", "encoding")),
        ("source", "max_record_lines", "0", ("source", "max_record_lines")),
        ("source", "reader", "sep", ("source", "reader")),
        ("source", "sql", "SELECT 1", ("source", None)),
        ("source", "files", "out/analyzed", ("source", "files")),
        ("source", "files", "r-{{ ds }}.parquet", ("source", "files")),
        ("analyze", "columns", "review\nreview", ("analyze", "columns")),
        ("analyze", "fields", "from", ("analyze", "fields")),
        ("analyze", "tags", "NOUN", ("analyze", "tags")),
        ("analyze", "service", "b", ("analyze", "service")),
        ("analyze", "max_error_ratio", "2", ("analyze", "max_error_ratio")),
        ("analyze", "options", "{ top_n = 0 }", ("analyze", None)),
        ("analyze", "columns", None, ("analyze", "columns")),
        ("sink", "path", None, ("sink", "path")),
        ("join", "on", "id", ("join", None)),
        ("clean", "similarity", "0.9", ("clean", "similarity")),
        ("clean", "length", "{ min = 3, max = 2 }", ("clean", "length")),
        ("clean", "mask", "name", ("clean", "mask")),
        ("expect", "on_breach", "panic", ("expect", "on_breach")),
        ("expect", None, "", ("expect", None)),
        ("profile", None, "", ("profile", None)),
        ("features", "split", "{ train = 0.5 }", ("features", "split")),
        ("features", "unit", "letters", ("features", "unit")),
        ("features", "id", "split", ("features", "id")),
        ("alerts", "email", "me@example.com", ("alerts", "smtp")),
        ("alerts", "smtp", "mail", ("alerts", "smtp")),
        ("analyze", None, None, None),
    ],
)
def test_each_fault_is_what_the_command_says_at_the_place_that_it_belongs_to(tmp_path, section, key, typed, place):
    text = apply(RIGHT, Edit(section, key, typed))
    found = describe_draft(text, {})
    assert [fault["text"] for fault in found["faults"]] == lines_of_the_command(text, tmp_path)
    assert place is None or (found["faults"][0]["section"], found["faults"][0]["key"]) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[sample", (None, None)),
        ("[anlyze]\n" + RIGHT, (None, None)),
        ("sample = 3\n" + RIGHT, (None, None)),
        (RIGHT + "[sample]\nrow = 3\n", ("sample", "row")),
        (RIGHT + 'format = "{{ ds }}"\n', ("sink", "format")),
    ],
)
def test_faults_of_the_text_are_what_the_command_says(tmp_path, text, place):
    found = describe_draft(text, {})
    assert [fault["text"] for fault in found["faults"]] == lines_of_the_command(text, tmp_path)
    assert (found["faults"][0]["section"], found["faults"][0]["key"]) == place


def test_a_stage_whose_input_nobody_makes_is_shown_and_refused(tmp_path):
    text = apply(apply(RIGHT, Edit("features", None, "")), Edit("analyze", None, None))
    found = describe_draft(text, {})
    assert [fault["text"] for fault in found["faults"]] == ["[features] is made of tokens: add [analyze]"]
    (stage,) = (one for one in found["stages"] if one["name"] == "features")
    assert (stage["missing"], stage["needs"]) == ("analyze", [])


def test_a_recipe_that_reads_what_it_writes_goes_in_a_circle(tmp_path):
    for section, files in (("source", "out"), ("source", "./out/features"), ("join", "out/cleaned/*.parquet")):
        text = apply(apply(RIGHT, Edit(section, "files", files)), Edit("join", "on", "id"))
        faults = [fault["text"] for fault in describe_draft(text, {})["faults"]]
        assert any(fault.startswith(f"[{section}] files = {files!r} is within [sink] path") for fault in faults)
    for files, path in (
        (".", "out"),
        ("data", "data/out"),
        ("data/*", "data/out/x"),
        ("hdfs://n/d/", "hdfs://n/d/out"),
    ):
        text = apply(apply(RIGHT, Edit("source", "files", files)), Edit("sink", "path", path))
        (fault,) = describe_draft(text, {})["faults"]
        assert fault["text"].startswith(f"[source] files = {files!r} has [sink] path {path!r} below it: a stage would")
        assert (fault["section"], fault["key"]) == ("source", "files")
    assert lines_of_the_command(RIGHT.replace("reviews.parquet", "output"), tmp_path) == []
    for files, path in (("data/*.parquet", "data/out"), ("data", "data.out"), (".", "/out"), (".", "s3://b/out")):
        text = apply(apply(RIGHT, Edit("source", "files", files)), Edit("sink", "path", path))
        assert lines_of_the_command(text, tmp_path) == []


def test_stages_are_the_graph_with_the_source_first_and_the_sink_last():
    text = RIGHT
    for section, key, typed in (
        ("sample", None, ""),
        ("profile", None, ""),
        ("clean", None, ""),
        ("expect", "rows", "{ min = 1 }"),
        ("expect", "error_ratio", "0.1"),
        ("features", None, ""),
    ):
        text = apply(text, Edit(section, key, typed))
    stages = {one["name"]: (one["section"], one["needs"]) for one in describe_draft(text, {})["stages"]}
    assert stages == {
        "source": ("source", []),
        "sample": ("sample", ["source"]),
        "profile": ("profile", ["sample"]),
        "clean": ("clean", ["source"]),
        "expect": ("expect", ["clean"]),
        "analyze": ("analyze", ["clean", "expect"]),
        "expect-errors": ("expect", ["analyze"]),
        "features": ("features", ["analyze", "expect-errors"]),
        "sink": ("sink", ["features"]),
    }
    dumped = describe_draft(apply(apply(text, Edit("source", "files", None)), Edit("source", "table", "t")), {})
    assert dumped["stages"][0] == {"name": "dump", "section": "source", "needs": [], "missing": None}


def test_a_section_that_makes_no_stage_yet_is_there_to_be_edited():
    found = describe_draft(apply(RIGHT, Edit("expect", None, "")), {})
    assert [one["name"] for one in found["stages"]] == ["source", "analyze", "expect", "sink"]
    found = describe_draft(apply(RIGHT, Edit("alerts", None, "")), {})
    assert (found["stages"][-1]["name"], found["stages"][-1]["needs"]) == ("alerts", ["sink"])


def test_values_of_placeholders_are_asked_for_and_checked_but_the_file_is_right_without(tmp_path):
    text = RIGHT.replace("reviews.parquet", "{{ region }}/{{ ds }}").replace("out", "out/{{ region }}/{{ ds }}")
    found = describe_draft(text, {})
    assert (found["variables"], found["is_right"]) == (["ds", "region"], True)
    assert [fault["text"] for fault in found["faults"]] == lines_of_the_command(text, tmp_path)
    given = {"ds": "2026-11-01", "region": "kr", "left": "over"}
    assert describe_draft(text, given)["faults"] == []
    wrong = describe_draft(text, given | {"ds": "soon", "region": "../kr"})
    assert [(fault["section"], fault["key"]) for fault in wrong["faults"]] == [("--set", "ds"), ("--set", "region")]
    said = lines_of_the_command(text, tmp_path, ds="soon", region="../kr")
    assert [fault["text"] for fault in wrong["faults"]] == said


def test_the_command_can_be_pasted_into_a_shell():
    members = tomllib.loads(RIGHT.replace("reviews.parquet", "{{ ds }}"))
    settings = assignments(members, {"ds": "today"})
    assert parse_assignments(settings, date(2026, 11, 28)) == {"ds": "2026-11-28"}
    command = command_for(Path("/recipes/of mine/a.toml"), settings)
    assert command.endswith(" && nlpbatch run '/recipes/of mine/a.toml' --set ds=today")
    assert command.startswith("cd ")


def test_fields_are_made_from_the_declarations():
    forms = {one["name"]: {option["name"]: option for option in one["options"]} for one in describe_sections(SECTIONS)}
    fields = {
        ("source", "sql"): "long text",
        ("source", "files"): "text",
        ("source", "reader"): "table",
        ("source", "max_record_lines"): "number",
        ("sample", "read_share"): "number",
        ("analyze", "columns"): "names",
        ("analyze", "operation"): "choice",
        ("analyze", "service"): "text",
        ("analyze", "fields"): "names",
        ("clean", "html"): "flag",
        ("clean", "duplicates"): "choice",
        ("expect", "error_ratio"): "number",
        ("features", "split"): "table",
    }
    assert {place: forms[place[0]][place[1]]["field"] for place in fields} == fields
    assert forms["clean"]["duplicates"]["choices"] == ["keep", "exact", "near"]
    assert forms["features"]["split"]["default"] == "{ train = 0.8, validation = 0.1, test = 0.1 }"
    assert {name: list(form) for name, form in forms.items()} == {
        name: list(options_of(kind)) for name, kind in SECTIONS.items()
    }


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[4] / "conf" / "recipes").glob("*.toml")), ids=lambda one: one.stem
)
def test_what_fields_show_can_be_typed_again_without_a_change(file):
    text = file.read_text(encoding="utf-8")
    sections = describe_draft(text, {})["sections"]
    for section, values in sections.items():
        for key, shown in values.items():
            after = apply(text, Edit(section, key, shown))
            assert tomllib.loads(after) == tomllib.loads(text)
            assert describe_draft(after, {})["sections"] == sections
