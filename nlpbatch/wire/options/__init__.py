"""The options of a request: one table, which JSON bodies, query strings and OpenAPI follow.

Options that are Kiwi's have Kiwi's names. Left out, they are as the analyzer is configured. They are part of the
question, not of the analyzer: its fingerprint doesn't change with them.
"""

from nlpbatch.wire.options.asked import DEFAULT_OPTIONS, Options
from nlpbatch.wire.options.table import (
    DEFAULT_ANALYZER,
    DIALECTS,
    DOCUMENT_MEMBERS,
    MATCH_OPTIONS,
    MAX_CANDIDATES,
    MAX_WORD_CODE_POINTS,
    NO_TYPOS,
    OOV_HANDLINGS,
    OPERATIONS,
    OPTIONS,
    STANDARD_DIALECT,
    TYPOS,
    Operation,
    Option,
    ValueKind,
    options_of,
)

__all__ = [
    "DEFAULT_ANALYZER",
    "DEFAULT_OPTIONS",
    "DIALECTS",
    "DOCUMENT_MEMBERS",
    "MATCH_OPTIONS",
    "MAX_CANDIDATES",
    "MAX_WORD_CODE_POINTS",
    "NO_TYPOS",
    "OOV_HANDLINGS",
    "OPERATIONS",
    "OPTIONS",
    "STANDARD_DIALECT",
    "TYPOS",
    "Operation",
    "Option",
    "Options",
    "ValueKind",
    "options_of",
]
