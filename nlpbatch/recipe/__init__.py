"""Recipes: one file states what the data should become; stages make it.

Names are imported on first use: what only reads recipes needs no Spark.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nlpbatch.recipe.recipe_file import Recipe
    from nlpbatch.recipe.run import RecipeRun
    from nlpbatch.recipe.run_options import RunOptions

__all__ = ["Recipe", "RecipeRun", "RunOptions"]

_HOMES: Final = {"Recipe": "recipe_file", "RecipeRun": "run", "RunOptions": "run_options"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"nlpbatch.recipe.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
