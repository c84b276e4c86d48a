"""Recipes: one file states what the data should become; stages make it."""

from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.run import RecipeRun
from nlpbatch.recipe.run_options import RunOptions

__all__ = ["Recipe", "RecipeRun", "RunOptions"]
