"""Opens what an input names as rows."""

from collections.abc import Sequence

from nlpbatch.errors import ConfigError
from nlpbatch.files.listing import InputFile, format_of
from nlpbatch.files.parquet_source import ParquetSource
from nlpbatch.files.source import ReadOptions, Source


def open_source(files: Sequence[InputFile], options: ReadOptions) -> Source:
    """Return the rows of files.

    Raises:
        ConfigError: They can't be read, or a package for it is missing.

    """
    kind = format_of(files, options.format)
    if kind == "parquet":
        return ParquetSource(files)
    try:
        from nlpbatch.files.line_source import LineSource  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ConfigError(f"reading {kind} needs {error.name}: install nlpbatch[explore]") from error
    return LineSource(files, kind, options)
