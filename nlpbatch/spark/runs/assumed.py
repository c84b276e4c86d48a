"""What a job assumed of its input's files, in words."""

from collections.abc import Mapping
from typing import Final

from nlpbatch.formats.assumed import of_lines
from nlpbatch.formats.names import format_of_name
from nlpbatch.spark.runs.inputs import Input

_NAMES: Final[Mapping[str, str]] = {"parquet": "Parquet", "orc": "ORC", "avro": "Avro"}


def assumed(source: Input) -> str:
    """Return one sentence such as "3 files read as CSV in UTF-8, separated by ',', with a header"."""
    if source.format in _NAMES:
        name = _NAMES[source.format]
    else:
        separators = sorted(header.separator for header in (source.headers or {}).values())
        header = source.reader.get("header", "true").lower() == "true"
        name = of_lines(source.format, source.encoding, separators, header=header)
    if source.format == "json" and source.reader.get("multiLine") == "true":
        name = name.replace("JSON Lines", "JSON arrays")
    if all(format_of_name(file) is None for file in source.files):
        name += ", for their names say nothing"
    partitions = source.listing.partitions if source.listing is not None else ()
    of_directories = f"; the directories' names give {', '.join(partitions)}" if partitions else ""
    return f"{len(source.files):,} file{'s' if len(source.files) > 1 else ''} read as {name}{of_directories}"
