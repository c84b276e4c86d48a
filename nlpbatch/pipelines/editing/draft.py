"""What the page shows of a recipe while it is edited: its stages, its fields, and what a command would refuse."""

import shlex
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.typed import to_text
from nlpbatch.recipe.faults import VARIABLES, Fault
from nlpbatch.recipe.graph import graph_of, missing, published
from nlpbatch.recipe.recipe_file import SECTIONS, Recipe, read_text
from nlpbatch.recipe.section_options import options_of
from nlpbatch.recipe.template import EXAMPLE_DATE
from nlpbatch.recipe.variables import DATE, parse_assignments, placeholders

_EXAMPLE: Final = "example"
_SECTION_OF: Final = {"dump": "source", "expect-errors": "expect"}
"""Sections of stages that are called otherwise."""


def describe_draft(text: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a draft as the page shows it.

    Args:
        text: Of the file.
        given: Values for its placeholders, as typed; others than it has are ignored.

    Returns:
        `faults`: each `text`, `section` and `key`, as the command line has them; `stages`: each `name`, `section`,
        `needs` and `missing`; `sections`: by name, what the fields show by key; `variables`: names of placeholders;
        `is_right`: whether only values of placeholders are wrong.

    """
    try:
        members, sections = read_text(text), _sections(text)
    except ConfigError as error:
        return _unreadable(error.message)
    except (TOMLKitError, RecursionError) as error:  # what one of two parsers alone takes
        return _unreadable(f"written in a way that can't be shown here: {error}")
    needed = placeholders(members)
    recipe, faults = check(members, given)
    return {
        "faults": [describe_fault(fault) for fault in faults],
        "stages": _stages(recipe, members),
        "sections": sections,
        "variables": sorted(needed),
        "is_right": not Recipe.draft(members, {**dict.fromkeys(needed, _EXAMPLE), **_example_date(needed)})[1],
    }


def _unreadable(message: str) -> dict[str, Any]:
    fault = describe_fault(Fault.at(message, None))
    return {"faults": [fault], "stages": [], "sections": None, "variables": [], "is_right": False}


def check(members: Mapping[str, Any], given: Mapping[str, str]) -> tuple[Recipe, list[Fault]]:
    """Return the recipe as far as it is right, and all that is wrong with it; the values of placeholders, too."""
    try:
        variables = parse_assignments(assignments(members, given), date.today())  # noqa: DTZ011  (the user's day)
    except ConfigError as error:
        wrong = [Fault.placed(line, {}) for line in error.message.splitlines()]
        recipe, faults = Recipe.draft(members)
        return recipe, [*wrong, *(fault for fault in faults if fault.section != VARIABLES)]
    return Recipe.draft(members, variables)


def assignments(members: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    """Return the values of placeholders that a recipe has, as `--set` takes them."""
    return [f"{name}={given[name]}" for name in sorted(placeholders(members)) if given.get(name)]


def command_for(path: Path, settings: list[str], *, on_sample: bool = False) -> str:
    """Return the command that runs a recipe, for a shell, from wherever that is."""
    words = ["nlpbatch", "run", str(path), *(["--on", "sample"] if on_sample else [])]
    words += [part for setting in settings for part in ("--set", setting)]
    return f"cd {shlex.quote(str(Path.cwd()))} && {shlex.join(words)}"


def _example_date(needed: set[str]) -> dict[str, str]:
    return {DATE: EXAMPLE_DATE} if DATE in needed else {}


def describe_fault(fault: Fault) -> dict[str, Any]:
    """Return a fault as the page has it."""
    return {"text": str(fault), "section": fault.section, "key": fault.key}


def _sections(text: str) -> dict[str, dict[str, str]]:
    document: Any = tomlkit.parse(text)
    found: dict[str, dict[str, str]] = {}
    for name, section in document.items():
        options = options_of(SECTIONS[name]) if name in SECTIONS else {}
        keys = section.items() if isinstance(section, dict) else ()
        found[name] = {key: to_text(value, options.get(key)) for key, value in keys}
    return found


def _stages(recipe: Recipe, members: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the stages, the source first and the sink last; sections that make none (yet) are there, too.

    Sections that recipes have after the sink are about all of a run.
    """
    graph = graph_of(recipe)
    lacking = missing(graph)
    first = "dump" if "dump" in graph else "source"
    stages = [] if first in graph else [_stage(first, ())]
    for name, needs in graph.items():
        needed = needs or ((first,) if name != first and name not in lacking else ())
        stages.append(_stage(name, needed) | {"missing": lacking.get(name)})
    drawn = {stage["section"] for stage in stages}
    names = list(SECTIONS)
    before, after = names[: names.index("sink")], names[names.index("sink") + 1 :]
    stages += [_stage(name, ()) for name in before if name in members and name not in drawn]
    sink = _stage("sink", (published(graph) or first,))
    return [*stages, sink, *(_stage(name, ("sink",)) for name in after if name in members)]


def _stage(name: str, needs: tuple[str, ...]) -> dict[str, Any]:
    return {"name": name, "section": _SECTION_OF.get(name, name), "needs": list(needs), "missing": None}
