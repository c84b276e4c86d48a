"""Writes the report of a recipe's sample."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlpbatch.client.sync import Client
from nlpbatch.profile import ProfileColumns, page, report, to_json
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.sampling import read_sample
from nlpbatch.spark.storage import Storage


def make_report(
    recipe: Recipe, base: Storage, sample_file: str, *, service: str, api_key: str | None
) -> Mapping[str, Any]:
    """Write `profile/COLUMN.html` and `.json` for each text column; return where they are."""
    profile, analyze = recipe.profile, recipe.analyze
    assert profile is not None  # noqa: S101  (there is no such stage without)
    assert analyze is not None  # noqa: S101  (the recipe's check: a profile has columns)
    written = []
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "sample.parquet"
        base.get(sample_file, file)
        drawn = read_sample(file)
    with Client(service, api_key=api_key, job="profile") as client:
        for name in analyze.columns:
            columns = ProfileColumns(name, profile.label, profile.group, profile.date)
            found = report(drawn, columns, client, tokens=profile.tokens, analyzer=analyze.analyzer)
            base.write_text(f"profile/{name}.html", page(found))
            base.write_text(f"profile/{name}.json", to_json(found))
            written.append(base.within(f"profile/{name}.html"))
    return {"report": ", ".join(written)}
