"""What docs/security.md says is shown by a test names a test that there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_exists():
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("file", ["docs/security.md", "docs/command-line.md", "SECURITY.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(file):
    path = ROOT / file
    targets = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_row_of_a_defence_names_its_test():
    table = PAGE.partition("## What is defended")[2].partition("Not defended")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| threat", "| ---"))]
    assert len(rows) > 12
    assert [row for row in rows if "`tests/" not in row] == []
