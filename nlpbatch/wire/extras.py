"""The types of options beside analyzer and fields, for type checkers; `wire.options` says what they mean."""

from collections.abc import Iterable
from typing import TypedDict


class MorphemeOptions(TypedDict, total=False):
    """Further options of `sentences`."""

    normalize_coda: bool
    z_coda: bool
    split_complex: bool
    compatible_jamo: bool
    saisiot: bool | None
    match_options: Iterable[str] | None
    oov_handling: str | None
    blocklist: Iterable[str] | None


class AnalyzeOptions(MorphemeOptions, total=False):
    """Further options of `analyze`."""

    tags: Iterable[str] | None
    top_n: int
    candidates: bool
    sentences: bool
    stopwords: bool
    open_ending: bool
