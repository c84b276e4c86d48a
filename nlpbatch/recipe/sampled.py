"""sample: rows of a recipe's source, kept beside what is made of them."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nlpbatch.recipe.settings import SampleSettings, Source
from nlpbatch.sampling import Design, SampleOptions, sample, write_sample
from nlpbatch.spark.storage import Storage


def draw(settings: SampleSettings, source: Source, path: str, base: Storage, name: str) -> Design:
    """Draw a sample and write it; return how it was drawn.

    Args:
        settings: What to draw.
        source: How its files are to be read.
        path: Where they are.
        base: Where the sample goes.
        name: Its file's name there.

    Raises:
        ConfigError: As `nlpbatch.sampling.sample`.

    """
    drawn = sample(path, SampleOptions(**asdict(settings), **_how_to_read(source)))
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "sample.parquet"
        write_sample(drawn, file)
        base.make_directory(name.rpartition("/")[0])
        base.put(file, name)
    return drawn.design


def _how_to_read(source: Source) -> Mapping[str, Any]:
    """Return a source's format and the options of Spark's reader that decide where rows and values are."""
    if source.files is None:
        return {}
    given = {name.lower(): value for name, value in source.reader.items()}
    separator = given.get("sep", given.get("delimiter", ","))
    return {"format": source.format, "separator": separator, "header": given.get("header", "true") == "true"}
