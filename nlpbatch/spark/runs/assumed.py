"""What was assumed of an input's files, in words: people see at once that a file was taken for something else."""

from collections.abc import Mapping
from typing import Final

from nlpbatch.formats.names import format_of_name
from nlpbatch.spark.runs.inputs import Input

_NAMES: Final[Mapping[str, str]] = {"parquet": "Parquet", "orc": "ORC", "avro": "Avro", "csv": "CSV", "text": "text"}


def assumed(source: Input) -> str:
    """Return one sentence such as "3 files read as CSV in UTF-8, separated by ',', with a header"."""
    if source.format == "json":
        name = "JSON arrays" if source.reader.get("multiLine") == "true" else "JSON Lines"
    else:
        name = _NAMES[source.format]
    if source.format in {"csv", "json", "text"}:
        name += f" in {source.encoding.upper()}"
    if source.headers is not None:
        separators = sorted({header.separator for header in source.headers.values()})
        header = source.reader.get("header", "true").lower() == "true"
        name += f", separated by {' and '.join(map(repr, separators))}, {'with' if header else 'without'} a header"
    if all(format_of_name(file) is None for file in source.files):
        name += ", for their names say nothing"
    partitions = source.listing.partitions if source.listing is not None else ()
    of_directories = f"; the directories' names give {', '.join(partitions)}" if partitions else ""
    return f"{len(source.files):,} file{'s' if len(source.files) > 1 else ''} read as {name}{of_directories}"
