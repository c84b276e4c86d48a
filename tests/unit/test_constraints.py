"""The lock of tested versions, which bin/test and CI install."""

import tomllib
from pathlib import Path

from nlpbatch.doctor.interpreter import Requirement

ROOT = Path(__file__).parents[2]
LOCKED = dict(
    line.strip().lower().replace("_", "-").split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if "==" in line
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_IN_DEV = {"airflow"}
"""Extras that have an environment of their own."""


def test_every_package_that_the_project_asks_for_is_locked_within_its_bounds():
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name not in NOT_IN_DEV}
    lines = [line for group in (PROJECT["dependencies"], *extras.values()) for line in group]
    wanted = [found for line in lines if (found := Requirement.parse(line)) and found.name != "nlpbatch"]
    assert len(wanted) > 30
    for one in wanted:
        version = LOCKED.get(one.name.lower().replace("_", "-"))
        assert version is not None, f"{one.name} is not in constraints.txt: run bin/lock"
        assert one.admits(version), f"{one.name} {version} is locked, {one.bounds} is wanted: run bin/lock"
