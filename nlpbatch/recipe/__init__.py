"""Recipes: one file states what the data should become; stages make it.

Names are imported on first use: what only reads recipes needs no Spark.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from nlpbatch.errors import ConfigError

if TYPE_CHECKING:
    from nlpbatch.recipe.recipe_file import Recipe
    from nlpbatch.recipe.run import RecipeRun
    from nlpbatch.recipe.run_options import RunOptions

__all__ = ["Recipe", "RecipeRun", "RunOptions"]

_HOMES: Final = {"Recipe": "recipe_file", "RecipeRun": "run", "RunOptions": "run_options"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        if sys.version_info < (3, 11):  # noqa: UP036  (a driver may have the bundle alone)
            version = ".".join(map(str, sys.version_info[:2]))
            raise ConfigError(f"recipes need Python 3.11 or newer on the driver, this is {version}: use a newer one")
        return getattr(import_module(f"nlpbatch.recipe.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
