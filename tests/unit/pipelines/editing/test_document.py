"""Edits of a recipe's text: what was meant changes, and nothing else, not even a blank line."""

import difflib
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.document import Edit, apply
from nlpbatch.pipelines.editing.draft import describe_draft
from nlpbatch.recipe.recipe_file import SECTIONS
from nlpbatch.recipe.section_options import options_of

SHIPPED = [
    file.read_text(encoding="utf-8") for file in sorted((Path(__file__).parents[4] / "conf" / "recipes").glob("*.toml"))
]
TEXT = """\
# What reviews should become.

[source]   # the table
sql = '''
SELECT 1
[sample]
'''

[sample]
rows = 20_000   # enough
seed = 7

# A second table:
# [join]
# on = "id"

[features] # last
split = { train = 0.8, test = 0.2 } # parts

[features.more]
x = 1

# The end of it
[sink]
path = "out"
"""


def changed(before, after):
    """Return the lines that went and came."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("section", "key", "typed", "lines"),
    [
        ("sample", "rows", "300", ["- rows = 20_000   # enough", "+ rows = 300   # enough"]),
        ("sample", "rows", "1_000", ["- rows = 20_000   # enough", "+ rows = 1_000   # enough"]),
        ("sample", "rows", "many", ["- rows = 20_000   # enough", '+ rows = "many"   # enough']),
        ("sample", "stratify", "label", ['+ stratify = "label"']),
        ("sample", "read_share", "0.5", ["+ read_share = 0.5"]),
        ("sample", "seed", None, ["- seed = 7"]),
        ("sample", "rows", "", ["- rows = 20_000   # enough"]),
        ("sink", "partition_by", "a\nb, c", ['+ partition_by = ["a", "b, c"]']),
        ("sink", "partition_by", '["a", "b"]', ['+ partition_by = ["a", "b"]']),
        ("features", "tfidf", "false", ["+ tfidf = false"]),
        ("features", "split", "{ train = 1.0 }", None),
        ("sink", "path", 'a \\ "b"', ['- path = "out"', '+ path = "a \\\\ \\"b\\""']),
        ("clean", "length", "{ min = 2 }", ["+ [clean]", "+ length = { min = 2 }", "+ "]),
    ],
)
def test_a_value_is_changed_and_nothing_else(section, key, typed, lines):
    after = apply(TEXT, Edit(section, key, typed))
    if lines is not None:
        assert sorted(changed(TEXT, after)) == sorted(lines)
    assert TEXT.count("#") == after.count("#") + (1 if typed in {None, ""} and key == "rows" else 0)


def test_a_query_of_several_lines_is_written_as_it_is_typed():
    after = apply("[source]\n", Edit("source", "sql", "SELECT 'a\\b'\nFROM t"))
    assert after == '[source]\nsql = """\nSELECT \'a\\\\b\'\nFROM t"""\n'
    assert tomllib.loads(after)["source"]["sql"] == "SELECT 'a\\b'\nFROM t"


def test_a_section_comes_where_recipes_have_it_above_the_comment_of_the_next_one():
    after = apply(TEXT, Edit("join", None, ""))
    assert after.index("[join]\n\n[features] # last") > after.index("# on =")
    assert "[analyze]\n\n[features]" in apply(TEXT, Edit("analyze", None, ""))
    assert apply("", Edit("source", None, "")) == "[source]\n"
    assert apply('[source]\ntable = "t"', Edit("sink", None, "")) == '[source]\ntable = "t"\n\n[sink]\n'
    assert apply(TEXT, Edit("sample", None, "")) == TEXT  # it is there


def test_a_section_goes_and_comments_after_it_stay():
    after = apply(TEXT, Edit("sample", None, None))
    assert '# A second table:\n# [join]\n# on = "id"\n\n[features]' in after
    assert tomllib.loads(after).keys() == {"source", "features", "sink"}
    after = apply(TEXT, Edit("features", None, None))  # with its subtable
    assert tomllib.loads(after).keys() == {"source", "sample", "sink"}
    assert "# The end of it\n[sink]" in after


def test_an_unknown_section_can_be_taken_out_and_no_other_be_added():
    assert apply("[anlyze]\nx = 1\n\n[sink]\n", Edit("anlyze", None, None)) == "[sink]\n"
    with pytest.raises(ConfigError, match=r"there is no section \[anlyze\]: choose from source"):
        apply("", Edit("anlyze", None, ""))
    with pytest.raises(ConfigError, match=r"\[sample\] has no key 'row'"):
        apply("", Edit("sample", "row", "1"))
    assert apply("[sample]\nrow = 1\n", Edit("sample", "row", None)) == "[sample]\n"


def test_line_ends_stay():
    windows = TEXT.replace("\n", "\r\n")
    for edit in (
        Edit("sample", "rows", "3"),
        Edit("join", None, ""),
        Edit("source", "sql", "a\nb"),
        Edit("sample", None, None),
    ):
        assert apply(windows, edit) == apply(TEXT, edit).replace("\n", "\r\n")


@pytest.mark.parametrize("typed", ["{ min = ", "{ min = 1, min = 2 }", "{ a = 1 }\nb = 2", "[1"])
def test_half_a_table_is_refused_with_the_words_of_the_command_line(typed):
    with pytest.raises(ConfigError, match=r"^not TOML: .*\(at |^not TOML: it ends its line too early"):
        apply(TEXT, Edit("features", "split", typed))


@pytest.mark.parametrize("text", ["sample = 3\n", "[[sample]]\nrows = 3\n"])
def test_what_is_written_in_an_odd_way_is_left_alone(text):
    with pytest.raises(ConfigError, match="change the file's text"):
        apply(text, Edit("sample", "rows", "4"))


@pytest.mark.parametrize("text", ["sample = { rows = 3 }\n", "sample.rows = 3\n", "[sample]\nrows = 3"])
def test_other_ways_to_write_a_section_are_kept(text):
    after = apply(text, Edit("sample", "seed", "1"))
    assert tomllib.loads(after) == {"sample": {"rows": 3, "seed": 1}}
    assert tomllib.loads(apply(after, Edit("sample", "rows", None))) == {"sample": {"seed": 1}}
    assert apply(text, Edit("sample", None, None)).strip() == ""


EDITS = st.one_of(
    st.builds(Edit, st.sampled_from(sorted(SECTIONS)), st.none(), st.sampled_from([None, ""])),
    st.sampled_from([(section, key) for section, kind in SECTIONS.items() for key in options_of(kind)]).flatmap(
        lambda place: st.builds(
            Edit,
            st.just(place[0]),
            st.just(place[1]),
            st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["3", "{ a = 1 }", "[]"])),
        )
    ),
)


@given(st.sampled_from([TEXT, *SHIPPED]), st.lists(EDITS, max_size=4))
def test_after_any_edits_the_text_is_toml_and_has_the_comments_between_sections(text, edits):
    comments = {line for line in text.splitlines() if line.startswith("#")}
    for edit in edits:
        try:
            text = apply(text, edit)
        except ConfigError:
            continue
        tomllib.loads(text)
        if any(one.key is None and one.typed is None for one in edits):
            continue  # comments within a section go with it
        assert comments <= set(text.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "[source",
        "[sample]\nrows = 0x_1\n",
        f"[sample]\nrows = {'9' * 5_000}\n",
        f"[source]\nfiles = {'[' * 300}{']' * 300}\n",
        f"[source]\nfiles = {'[' * 5_000}{']' * 5_000}\n",
    ],
)
@pytest.mark.parametrize("edit", [Edit("sink", "path", "x"), Edit("sink", "path", None), Edit("clean", None, "")])
def test_a_text_that_is_no_toml_or_odd_is_refused_or_edited_and_shown(text, edit):
    with suppress(ConfigError):
        tomllib.loads(apply(text, edit))
    assert describe_draft(text, {})["faults"]


def test_what_is_typed_may_be_nested_or_long_without_end():
    for typed in ("[" * 5_000, f"{'[' * 5_000}{']' * 5_000}", "9" * 5_000):
        with pytest.raises(ConfigError, match=r"not TOML|change the file's text"):
            apply(TEXT, Edit("clean", "length", f"{{ min = {typed} }}"))
