"""The report of one text column: what was measured, as plain numbers and as a page."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.client.sync import Client
from nlpbatch.profile.measures import measure, plain
from nlpbatch.profile.page import to_html
from nlpbatch.profile.tokens import analyse
from nlpbatch.profile.view import ProfileColumns, Tokens, View
from nlpbatch.sampling.sample import Sample
from nlpbatch.wire.options import DEFAULT_ANALYZER

MAX_TOKENS = 20_000
"""Rows that are analysed by default: enough for words that mark a group, and done in a minute."""


def report(
    drawn: Sample,
    columns: ProfileColumns,
    client: Client | None,
    *,
    tokens: int = MAX_TOKENS,
    analyzer: str = DEFAULT_ANALYZER,
) -> Mapping[str, Any]:
    """Return all measures, ready for JSON; `page` and `to_json` make files of it.

    Args:
        drawn: The sample.
        columns: What it is about; of a text column that holds arrays, each element is a text.
        client: The service that analyses the texts; None for a report without tokens.
        tokens: Rows that are analysed; 0 for none.
        analyzer: Analyzer's name.

    Raises:
        ConfigError: A column isn't there, or can't be used.
        NlpbatchError: The service can't answer.

    """
    measured: Tokens | None = None
    notes: tuple[str, ...] = ()
    drawn = _by_element(drawn, columns.text)
    View.of(drawn, columns)  # errors are found before the service is called
    texts = drawn.table.column(columns.text).combine_chunks()
    if client is not None and tokens and texts.null_count < len(texts):
        measured, notes = analyse(client, texts.cast(pa.string()), tokens, drawn.design.seed, analyzer)
    found = measure(drawn, columns, measured)
    return plain(found | {"notes": [*found["notes"], *notes]})


def _by_element(drawn: Sample, name: str) -> Sample:
    """Return a sample with a row for each element, if the column holds arrays; others as they are."""
    table = drawn.table
    if name not in table.schema.names or not pa.types.is_list(table.schema.field(name).type):
        return drawn
    arrays = table.column(name).combine_chunks()
    rows = table.take(pc.list_parent_indices(arrays))
    rows = rows.set_column(table.schema.get_field_index(name), name, pc.list_flatten(arrays))
    note = f"column {name!r} holds arrays: each of their {rows.num_rows:,} elements is looked at as a text"
    return Sample(rows, replace(drawn.design, notes=(*drawn.design.notes, note)))


def page(found: Mapping[str, Any]) -> str:
    """Return the report as HTML that needs nothing else."""
    return to_html(found, f"First look: {found['columns']['text']}")


def to_json(found: Mapping[str, Any]) -> str:
    """Return the report's numbers."""
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
