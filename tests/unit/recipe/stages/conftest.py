"""Contexts of stages whose sink is a directory of this machine."""

import pytest

from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.stages import stage as stage_module
from nlpbatch.recipe.stages.stage import StageContext
from tests.fakes.local_storage import LocalStorage

SECTIONS = {
    "source": {"sql": "SELECT 1"},
    "sample": {"rows": 10},
    "profile": {"label": "rating"},
    "analyze": {"columns": ["review"]},
    "features": {"id": "review_id"},
}


@pytest.fixture
def context(tmp_path, monkeypatch):
    """Return a function that makes the context of a recipe with changed sections; None leaves one out."""
    monkeypatch.setattr(stage_module, "Storage", LocalStorage)

    def make(options=None, **changes):
        given = SECTIONS | {"sink": {"path": str(tmp_path / "out")}}
        sections = {
            name: given.get(name, {}) | (changes.get(name) or {})
            if name != "source"
            else changes.get(name, given[name])
            for name in dict.fromkeys((*given, *changes))
            if changes.get(name, given.get(name)) is not None
        }
        return StageContext(None, Recipe.check(sections), options or RunOptions(), print)

    return make
