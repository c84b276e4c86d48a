"""Draws the sample of a recipe's source and writes it beside the other results."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.settings import SampleSettings, SourceSettings
from nlpbatch.sampling import Design, SampleOptions, sample, write_sample
from nlpbatch.spark.storage import Storage

_SYNONYMS: Final = {"delimiter": "sep", "charset": "encoding"}
_FOLLOWED: Final = ("sep", "header", "encoding", "multiline")
_NO_MATTER: Final = (
    "mode",
    "columnnameofcorruptrecord",
    "enforceschema",
    "inferschema",
    "samplingratio",
    "mergeschema",
)
"""Options that decide nothing about which lines are rows and which values they have."""


def draw(settings: SampleSettings, source: SourceSettings, path: str, base: Storage, name: str) -> Design:
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
    drawn = sample(path, options_of(settings, source))
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "sample.parquet"
        write_sample(drawn, file)
        base.make_directory(name.rpartition("/")[0])
        base.put(file, name)
    return drawn.design


def options_of(settings: SampleSettings, source: SourceSettings) -> SampleOptions:
    """Return what to draw, and how the files are to be read.

    Raises:
        ConfigError: An option of Spark's reader can't be followed by the sampler.

    """
    if source.files is None:
        return SampleOptions(**asdict(settings))
    given = {_SYNONYMS.get(name.lower(), name.lower()): value for name, value in source.reader.items()}
    odd = [name for name in given if name not in _FOLLOWED and name not in _NO_MATTER]
    if given.get("multiline", "true").lower() != "true" and source.format != "json":
        odd.append("multiline")  # samples of CSV take records over several lines, as jobs do
    if odd:
        raise ConfigError(
            f"[sample] can't follow [source] reader {odd[0]!r}: leave [sample] out, or take a query as source, whose "
            "dump is sampled"
        )
    how: dict[str, Any] = {"format": source.format, **asdict(settings)}
    return SampleOptions(
        **how,
        separator=given["sep"].replace(r"\t", "\t") if "sep" in given else None,
        header=given.get("header", "true").lower() == "true",
        encoding=given.get("encoding", source.encoding),
    )
