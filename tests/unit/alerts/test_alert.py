import json
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest

from nlpbatch.alerts.alert import Alert, Fault, StageReport, numbers

SCHEMA = Path(__file__).parents[3] / "docs" / "alert.schema.json"
ALERT = Alert(
    event="run",
    kind="recipe",
    name="reviews.toml",
    output="hdfs:///features/reviews/date=2026-11-01",
    state="failed",
    ended_at="2026-11-02T03:20:00.000+00:00",
    exit_code=1,
    started_at="2026-11-02T03:00:00.000+00:00",
    seconds=1_200.5,
    variables={"ds": "2026-11-01"},
    error={"code": "expectation_breached", "message": "expect: rows is 3, must be at least 1,000: see …"},
    stages=(StageReport("dump", "done", "not done yet", 61.25, {"rows": 3}),),
    figures={"rows": 3},
)
CHECK = Alert(
    event="check",
    kind="directory",
    name="features",
    output="hdfs:///features",
    state="late",
    ended_at="2026-11-02T03:20:00+00:00",
    faults=(Fault("reviews", "reviews", "recipe", "late", "the last run ended never, and none runs"),),
    faults_total=1,
)


@pytest.fixture(scope="module")
def schema():
    return jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "alert",
    [
        ALERT,
        CHECK,
        replace(ALERT, state="done", error=None, exit_code=0, link="https://runs/#/a", reports=("https://runs/r",)),
        replace(ALERT, state="look", breached=True, error=None, exit_code=3, warnings=("expect: rows is 3",)),
        replace(ALERT, state="stopped", kind="job", variables={}, stages=(), stage="analyze", error=None),
    ],
)
def test_the_json_is_as_its_schema_says(schema, alert):
    schema.validate(json.loads(alert.to_json()))


def test_the_schema_names_every_member_and_refuses_a_wrong_one(schema):
    given = json.loads(ALERT.to_json())
    assert set(json.loads(SCHEMA.read_text(encoding="utf-8"))["properties"]) == set(given)
    assert given["version"] == 1
    for wrong in ({"state": "well"}, {"version": 2}, {"error": {"code": "x"}}, {"seconds": "1"}):
        assert not schema.is_valid(given | wrong)


def test_its_text_has_what_a_person_asks_first():
    lines = ALERT.to_text().splitlines()
    assert lines[0] == "reviews.toml 2026-11-01: failed after 1,200 s"
    assert "output: hdfs:///features/reviews/date=2026-11-01" in lines
    assert "expectation_breached: expect: rows is 3, must be at least 1,000: see …" in lines
    assert "dump: done (not done yet) in 61.2 s, rows 3" in lines


def test_a_breach_is_said_in_the_first_line_and_is_a_state_of_its_own():
    breached = replace(ALERT, breached=True)
    assert breached.summary == "reviews.toml 2026-11-01: failed, expectation breached after 1,200 s"
    assert breached.states == {"failed", "breached"}
    warns = replace(breached, state="look", error=None, seconds=None)
    assert warns.summary == "reviews.toml 2026-11-01: done, but somebody should look, expectation breached"
    assert replace(breached, state="look", error=None).states == {"look", "breached"}
    assert CHECK.states == {"late"}


def test_names_with_line_ends_and_halves_of_characters_break_nothing():
    odd = replace(ALERT, name="a\r\nBcc: b@c\udc80", variables={"x": "1\n2"})
    assert "\n" not in odd.summary
    assert "\r" not in odd.summary
    assert json.loads(odd.to_json())["name"] == "a\r\nBcc: b@c?"
    odd.to_json().encode()


def test_only_numbers_of_a_result_are_figures():
    result = {"rows": 3, "share": 0.5, "is": ["a", 3], "labels": {"a secret": 3}, "report": "x", "flag": True}
    assert numbers(result | {"nan": float("nan")}) == {"rows": 3, "share": 0.5}


def test_long_messages_are_cut():
    said = json.loads(replace(ALERT, error={"code": "internal", "message": "x" * 100_000}).to_json())
    assert len(said["error"]["message"]) == 2_000
