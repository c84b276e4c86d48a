"""Opens what an input names as rows."""

from collections.abc import Sequence

from nlpbatch.errors import ConfigError
from nlpbatch.files.listing import InputFile, format_of
from nlpbatch.files.parquet_source import ParquetSource
from nlpbatch.files.source import ReadOptions, Source
from nlpbatch.formats.malformed import CORRUPT


def open_source(files: Sequence[InputFile], options: ReadOptions) -> Source:
    """Return the rows of files.

    Raises:
        ConfigError: They can't be read, or a package for it is missing.

    """
    kind = format_of(files, options.format)
    if kind == "parquet":
        source = ParquetSource(files)
        if CORRUPT in map(str.lower, source.schema.names):
            raise ConfigError(
                f"the input has a column {CORRUPT!r}, where lines that can't be parsed would go: rename it"
            )
        return source
    try:
        from nlpbatch.files.line_source import LineSource  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ConfigError(f"reading {kind} needs {error.name}: install nlpbatch[explore]") from error
    return LineSource(files, kind, options)
