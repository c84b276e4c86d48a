"""profile: the report of a recipe's sample."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from nlpbatch.client.sync import Client
from nlpbatch.profile import ProfileColumns, analyse, measure, to_html
from nlpbatch.profile.measures import Tokens, plain
from nlpbatch.recipe.settings import Recipe
from nlpbatch.sampling import read_sample
from nlpbatch.spark.storage import Storage


def make_report(
    recipe: Recipe, base: Storage, sample_file: str, *, service: str, api_key: str | None
) -> Mapping[str, Any]:
    """Write `profile/COLUMN.html` and `.json` for each text column; return what there is to tell."""
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
            tokens = None
            texts = drawn.table.column(name).combine_chunks()
            if profile.tokens and not pa.types.is_null(texts.type):
                tokens = Tokens(
                    *analyse(client, texts.cast(pa.string()), profile.tokens, drawn.design.seed, analyze.analyzer)
                )
            columns = ProfileColumns(name, profile.label, profile.group, profile.date)
            found = plain(measure(drawn, columns, tokens))
            base.write_text(f"profile/{name}.html", to_html(found, f"First look: {name}"))
            base.write_text(f"profile/{name}.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
            written.append(base.within(f"profile/{name}.html"))
    return {"report": ", ".join(written)}
