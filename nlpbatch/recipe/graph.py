"""The graph of a recipe's stages, without Spark: for engines that schedule stages, and for pages that show them.

A test compares it with the stages themselves.
"""

from collections.abc import Mapping
from typing import Final

from nlpbatch.recipe.recipe_file import Recipe

_PUBLISHED: Final = ("dump", "join", "clean", "analyze", "features")
"""Stages that make rows for others; a sample and its report are for people."""
_REQUIRED: Final = {"profile": "sample", "expect-errors": "analyze", "features": "analyze"}
"""What stages can't be without; the others read the source if no stage is before them."""


def graph_of(recipe: Recipe, *, on_sample: bool = False) -> Mapping[str, tuple[str, ...]]:
    """Return the stages that a recipe has, in the order in which they run, each with those that it is made of.

    Args:
        recipe: With its variables filled in.
        on_sample: Whether analyze and features take the sample.

    """
    first = "sample" if on_sample else "dump"
    joined = first if recipe.join is None else "join"
    prepared = joined if recipe.clean is None else "clean"
    needs = {
        "dump": (),
        "sample": ("dump",),
        "profile": ("sample",),
        "join": (first,),
        "clean": (joined,),
        "expect": (prepared,),
        "analyze": (prepared, "expect"),
        "expect-errors": ("analyze",),
        "features": ("analyze", "expect-errors"),
    }
    checks = {
        "expect": recipe.expect is not None and recipe.expect.of_rows,
        "expect-errors": recipe.expect is not None and recipe.expect.error_ratio is not None,
    }
    wanted = {name: getattr(recipe, name, None) is not None for name in needs} | checks
    wanted["dump"] = recipe.source.query is not None
    present = [name for name in needs if wanted[name]]
    return {name: tuple(need for need in needs[name] if need in present) for name in present}


def missing(graph: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """Return the stages whose input nobody makes, each with the stage that would; `Recipe.check` refuses them."""
    return {name: need for name, need in _REQUIRED.items() if name in graph and need not in graph}


def ancestors(graph: Mapping[str, tuple[str, ...]], stage: str) -> list[str]:
    """Return the stages that one is made of, directly and indirectly, in order."""
    found = {one for need in graph[stage] for one in (need, *ancestors(graph, need))}
    return [name for name in graph if name in found]


def published(graph: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the stage whose result is the recipe's output: the last that makes rows; None if none does."""
    return next((name for name in reversed(list(graph)) if name in _PUBLISHED), None)
