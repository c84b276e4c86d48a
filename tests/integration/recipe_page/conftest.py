import pytest

from tests.fakes.recipe_page import serving_recipes
from tests.fakes.recipe_page_text import TEXT


@pytest.fixture
def recipes(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "recipes" / "a.toml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "outside.toml").write_text(TEXT, encoding="utf-8")
    return tmp_path / "recipes"


@pytest.fixture
def url(recipes):
    with serving_recipes(recipes, recipes.parent / "out") as found:
        yield found
