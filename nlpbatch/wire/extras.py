"""The types of options beside analyzer and fields, for type checkers; `wire.options` explains them."""

from collections.abc import Iterable
from typing import Any, TypedDict

Morphemes = Iterable[Any]
"""Of a document of `join`: tokens, (form, tag), or (form, tag, whether a blank precedes)."""
Spans = Iterable[tuple[Any, ...]]
"""Of a text of `analyze`: (start, end), (start, end, tag), or (start, end, token or tokens)."""


class MorphemeOptions(TypedDict, total=False):
    """Further options of the operations that find morphemes."""

    tags: Iterable[str] | None
    stopwords: bool | Iterable[str]
    normalize_coda: bool
    z_coda: bool
    split_complex: bool
    compatible_jamo: bool
    saisiot: bool | None
    match_options: Iterable[str] | None
    oov_handling: str | None
    blocklist: Iterable[str] | None
    typos: str | None
    typo_cost_threshold: float | None
    allowed_dialects: Iterable[str] | None
    dialect_cost: float | None


class SentencesOptions(MorphemeOptions, total=False):
    """Further options of `sentences`; fields, tags and stopwords are of the tokens."""

    return_tokens: bool
    fields: Iterable[str]


class AnalyzeOptions(MorphemeOptions, total=False):
    """Further options of `analyze`."""

    top_n: int
    candidates: bool
    sentences: bool
    open_ending: bool


class JoinOptions(TypedDict, total=False):
    """Further options of `join`."""

    lm_search: bool
    return_positions: bool


class GlueOptions(TypedDict, total=False):
    """Further options of `glue`."""

    return_space_insertions: bool
