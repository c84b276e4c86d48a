"""What the data should become, stated in one file, and made of it stage by stage."""

from nlpbatch.recipe.run import RecipeRun, RunOptions
from nlpbatch.recipe.settings import Recipe

__all__ = ["Recipe", "RecipeRun", "RunOptions"]
