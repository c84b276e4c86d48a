import io
import sys

import pytest
from rich.table import Table

from nlpbatch.cli.tables import print_table

ROW = ("2026-11-27T15:51:57Z", "kim from 127.0.0.1", "host:30035", "tenant.pause", "a" * 64, "#" * 200)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def table():
    made = Table("at", "who", "proxy", "what", "of", "after", box=None)
    made.add_row(*ROW)
    return made


def test_for_other_programs_each_row_is_a_line_with_all_values(table, capsys):
    print_table(table)
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["at", "who", "proxy", "what", "of", "after"]
    assert row.split() == " ".join(ROW).split()


@pytest.mark.parametrize("columns", ["80", "120"])
def test_on_a_terminal_values_are_folded_and_not_cut_off(table, columns, monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")
    print_table(table)
    assert max(map(len, out.getvalue().splitlines())) <= int(columns)
    assert "…" not in out.getvalue()
    assert out.getvalue().count("#") == 200


def test_a_terminal_narrower_than_the_least_width_wraps_lines(table, monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "80")
    print_table(table, min_width=400)
    assert len(out.getvalue().splitlines()) == 2
