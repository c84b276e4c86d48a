"""docs/compatibility.md is what bin/compatibility wrote."""

import json
from datetime import date

from tests.compatibility.__main__ import PAGE, RECORD, TEXT
from tests.compatibility.expected import Verdict, judge
from tests.compatibility.page import read_json, render_json, render_page
from tests.compatibility.trial import Trial

TODAY = date(2026, 11, 28)


def test_the_page_and_the_record_say_the_same():
    trials, absent = read_json(RECORD)
    day = date.fromisoformat(json.loads(RECORD.read_text(encoding="utf-8"))["date"])
    assert PAGE.read_text(encoding="utf-8") == render_page(trials, absent, day, TEXT.read_text(encoding="utf-8"))
    assert RECORD.read_text(encoding="utf-8") == render_json(trials, absent, day)
    assert [trial.wrong for trial in trials if trial.wrong] == []


def test_what_breaks_is_wrong_and_so_is_what_should_be_refused_and_is_not():
    expected = {"arrays": [1], "types": []}
    assert judge("arrays", {"found": [1]}, expected) == Verdict("works")
    assert judge("arrays", {"found": [2]}, expected).state == "wrong"
    assert judge("arrays", {"refused": "no"}, expected).state == "wrong"
    assert judge("types", {"broke": "Traceback"}, expected) == Verdict("wrong", "Traceback")
    assert judge("interval", {"refused": "cast it"}, expected) == Verdict("refused", "cast it")
    assert judge("wrong column", {"found": []}, expected).state == "wrong"
    assert judge("wrong column", {"refused": "did you mean text?"}, expected).state == "refused"


def test_what_was_not_tried_is_listed_with_the_reason_and_what_differs_by_python_too():
    versions = {"spark": "3.5.7", "python": "3.11.7", "pyarrow": "26.0.1"}
    works = {"classic": {"types": Verdict("works")}, "connect": {"types": Verdict("not tried", "no mvn")}}
    refuses = {"classic": {"types": Verdict("refused", "too new")}, "connect": {"types": Verdict("works")}}
    trials = [Trial("3.5", "3.11", versions, works), Trial("3.5", "3.12", versions, refuses)]
    page = render_page(trials, {"3.5/3.10": "there is no Python 3.10"}, TODAY, "{date}\n{tables}")
    assert (
        "| Spark 3.5 | not tried: there is no Python 3.10 | classic | classic, Connect | not tried: not asked for |"
        in page
    )
    assert "| yes (3.11), refused (3.12) | not tried (3.11), yes (3.12) |" in page
    assert "- too new\n" in page
