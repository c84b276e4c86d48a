"""Expectations on real rows: what stops a recipe, what warns, and what is compared with the run before."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.errors import ConfigError, ExpectationBreached
from nlpbatch.recipe import Recipe

ROOT = Path(__file__).parents[3]


@pytest.fixture
def rows(tmp_path):
    """Return what writes rows with so many texts, null texts and labels, and what they are the source of."""

    def write(texts=40, nulls=0, good=20, text="영화가 좋다", note="가"):
        count = texts + nulls
        good = min(good, count)
        columns = {
            "id": [str(number) for number in range(count)],
            "review": [text] * texts + [None] * nulls,
            "note": [note] * count,
            "kind": ["good"] * good + ["bad"] * (count - good),
        }
        pq.write_table(pa.table(columns), tmp_path / "in.parquet")
        return {"files": str(tmp_path / "in.parquet")}

    return write


@pytest.fixture
def checked(short):
    def make(source, **expect):
        given = {"label": "kind", "rows": {"min": 1}} | expect
        return short(source=source, expect=given, features={"id": "id", "label": "kind", "min_documents": 1})

    return make


def report(tmp_path, name="expect"):
    return json.loads((tmp_path / "out" / "expect" / f"{name}.json").read_text())


def test_what_holds_is_reported_and_not_checked_twice(go, checked, rows, tmp_path):
    bounds = {"null_share": {"review": 0.2}, "label_shares": {"good": {"min": 0.4, "max": 0.6}}, "error_ratio": 0.01}
    recipe = checked(rows(nulls=8), **bounds)
    said = go(recipe)
    assert any("expect: done in" in line and line.endswith("checks 3") for line in said)
    assert report(tmp_path)["figures"] == {
        "rows": 48,
        "nulls": {"review": 8, "kind": 0},
        "labels": {"bad": 28, "good": 20},
        "length": 40 * 6 / 48,
    }
    assert [check["holds"] for check in report(tmp_path)["checks"]] == [True] * 3
    assert report(tmp_path, "expect-errors")["checks"][0]["found"] == 0
    again = go(recipe)
    assert "expect: done already" in again
    assert "expect-errors: done already" in again


def test_a_breach_stops_before_the_analysis_until_the_data_is_right(go, checked, rows, tmp_path):
    source = rows(nulls=8)
    with pytest.raises(
        ExpectationBreached, match=r"null_share review is 0.1667, must be at most 0.1: see .*expect.json"
    ):
        go(checked(source, null_share={"review": 0.1}))
    assert not (tmp_path / "out" / "analyzed").exists()
    assert report(tmp_path)["checks"][-1]["holds"] is False
    with pytest.raises(ExpectationBreached):
        go(checked(source, null_share={"review": 0.1}))
    go(checked(rows(nulls=2), null_share={"review": 0.1}))
    assert (tmp_path / "out" / "features").exists()


def test_a_breach_that_warns_lets_everything_through_and_is_said_every_time(go, checked, rows, tmp_path):
    recipe = checked(rows(), rows={"min": 1_000}, on_breach="warn")
    warning = "warning: expect: rows is 40, must be at least 1,000"
    assert warning in go(recipe)
    assert (tmp_path / "out" / "features").exists()
    again = go(recipe)
    assert warning in again
    assert "expect: done already" in again
    with pytest.raises(ExpectationBreached):
        go(checked(rows(), rows={"min": 1_000}))


@pytest.mark.parametrize(
    ("name", "change"),
    [("rows", {"texts": 10}), ("labels", {"good": 35}), ("length", {"text": "좋다"}), ("nulls", {"nulls": 4})],
)
def test_data_that_has_drifted_since_the_run_before_stops(go, checked, rows, name, change):
    go(checked(rows(), drift={name: 0.05}))
    for _ in range(2):  # it is compared with the last run that passed, not with the one that was stopped
        with pytest.raises(ExpectationBreached, match=f"drift {name} is 0.*, must be at most 0.05"):
            go(checked(rows(**change), drift={name: 0.05}))
    go(checked(rows(**change), drift={name: 0.05}, on_breach="warn"), stage="expect")
    go(checked(rows(**change), drift={name: 0.05}), stage="expect")


def test_outputs_by_date_are_compared_with_the_one_before_by_name(go, rows, tmp_path):
    def run(day, **change):
        sections = {
            "source": rows(**change),
            "expect": {"drift": {"rows": 0.1}, "against": "neighbour"},
            "sink": {"path": f"{tmp_path}/days/date=2026-11-{day}"},
        }
        return go(Recipe.check(sections))

    run("01", texts=40)
    with pytest.raises(ExpectationBreached, match=r"drift rows is 0.5, must be at most 0.1"):
        run("03", texts=60)
    run("02", texts=42)
    run("02", texts=44)


def test_other_bounds_leave_the_analysis_done(go, checked, rows):
    source = rows()
    go(checked(source))
    other = checked(source, rows={"min": 2})
    planned = go(other, dry_run=True)
    assert 'expect: stale, rows was {"min": 1}, is {"min": 2}' in planned
    assert not any("will be run again" in line for line in planned)
    assert "features: done already" in go(other)


def test_a_stage_is_not_run_alone_on_rows_that_have_not_passed(go, checked, rows):
    recipe = checked(rows(), rows={"min": 1_000})
    with pytest.raises(ConfigError, match="--stage analyze needs expect, which isn't done"):
        go(recipe, stage="analyze")


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"label": "kin"}, r"\[expect\] label: the source has no column 'kin': did you mean kind"),
        ({"null_share": {"text": 0.1}}, r"\[expect\] null_share: the source has no column 'text'"),
    ],
)
def test_columns_that_are_not_there_are_refused_before_anything_is_done(go, checked, rows, tmp_path, expect, said):
    with pytest.raises(ConfigError, match=said):
        go(checked(rows(), **expect))
    assert not (tmp_path / "out").exists()


def test_texts_are_not_taken_for_labels(go, checked, rows, tmp_path):
    with pytest.raises(
        ConfigError, match="column 'note' has more than 1,000 values, or one of more than 100"
    ) as caught:
        go(checked(rows(note="영화가 좋다 " * 20), label="note"))
    assert "영화" not in caught.value.message
    assert not (tmp_path / "out" / "expect").exists()


@pytest.mark.parametrize(("on_breach", "code"), [("warn", 3), ("stop", 1)])
def test_the_exit_code_says_whether_an_expectation_is_breached(rows, tmp_path, on_breach, code):
    recipe = f"""
        [source]
        files = "{rows()["files"]}"
        [expect]
        rows = {{ min = 1_000 }}
        on_breach = "{on_breach}"
        [sink]
        path = "{tmp_path / "out"}"
    """
    (tmp_path / "recipe.toml").write_text(recipe)
    command = [sys.executable, "-m", "jobs.recipe", str(tmp_path / "recipe.toml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "rows is 40, must be at least 1,000" in done.stderr
