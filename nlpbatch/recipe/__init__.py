"""What the data should become, stated in one file, and made of it stage by stage."""

from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.run import RecipeRun
from nlpbatch.recipe.run_options import RunOptions

__all__ = ["Recipe", "RecipeRun", "RunOptions"]
