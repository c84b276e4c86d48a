"""`nlpbatch run`: what is checked before Spark starts, and what it hands over."""

from datetime import date, timedelta

import pytest

from nlpbatch.cli import main, run

RECIPE = """
[source]
files = "/in/dt={{ ds }}"
[sink]
path = "/out/date={{ ds }}"
"""


@pytest.fixture
def submitted(monkeypatch, tmp_path):
    """The commands that would start Spark."""
    commands = []
    monkeypatch.setattr(run, "submit", lambda command, _environ: commands.append(command) or 0)
    monkeypatch.setattr(run, "stop_on_signals", lambda: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.toml").write_text(RECIPE)
    return commands


def test_a_day_by_its_word_is_handed_over_as_a_date_so_that_all_take_the_same(submitted):
    before = date.today()  # noqa: DTZ011  (the user's day)
    assert main(["run", "r.toml", "--set", "ds=yesterday", "--outcome", "o.json", "--stage", "dump"]) == 0
    (command,) = submitted
    days = {(day - timedelta(days=1)).isoformat() for day in (before, date.today())}  # noqa: DTZ011
    assert command[command.index("--set") + 1].removeprefix("ds=") in days
    assert command[command.index("--outcome") + 1] == "o.json"
    assert command[command.index("--stage") + 1] == "dump"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "[source] files has {{ ds }}, which isn't set: give --set ds=2026-11-30"),
        (["--set", "ds=1.11."], "--set ds=1.11.: not a date"),
        (["--set", "ds=2026-11-01", "--set", "day=1"], "the recipe has no {{ day }}: choose from ds"),
        (["--set", "ds"], "write it as --set ds=2026-11-30"),
    ],
)
def test_wrong_variables_are_refused_before_spark_starts(submitted, capsys, given, message):
    assert main(["run", "r.toml", *given]) == 2
    assert message in capsys.readouterr().err
    assert submitted == []
