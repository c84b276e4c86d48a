"""The options table: every option with its type, its bounds and the operations that take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.tags import TAGS

Operation = Literal["analyze", "sentences", "space", "join", "glue", "call"]
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)
DOCUMENT_MEMBERS: Final[Mapping[Operation, tuple[str, ...]]] = MappingProxyType(
    {
        "analyze": ("texts", "pretokenized"),
        "sentences": ("texts",),
        "space": ("texts",),
        "join": ("morphemes",),
        "glue": ("chunks", "insert_new_lines"),
        "call": ("texts",),
    }
)
"""The members of a JSON request with the documents, and with the extra member of each if it is given."""
ValueKind = Literal["string", "boolean", "integer", "number", "strings"]
DEFAULT_ANALYZER: Final = "default"
MAX_CANDIDATES: Final = 10
_MAX_WORDS: Final = 1000
MAX_WORD_CODE_POINTS: Final = 100
_MAX_COST: Final = 100
MATCH_OPTIONS: Final = (
    "url",
    "email",
    "hashtag",
    "mention",
    "serial",
    "emoji",
    "join_noun_prefix",
    "join_noun_suffix",
    "join_verb_suffix",
    "join_adj_suffix",
    "join_adv_suffix",
    "join_particle_yo",
)
"""Members of Kiwi's `Match` that aren't options of their own, in lower case."""
OOV_HANDLINGS: Final = ("rule", "chr", "chr_freq", "chr_freq_branch", "chr_freq_consistency")
TYPOS: Final = (
    "basic",
    "continual",
    "basic_with_continual",
    "lengthening",
    "basic_with_continual_and_lengthening",
    "all",
)
"""Kiwi's own sets of typos; `all` is the last but one."""
NO_TYPOS: Final = "none"
STANDARD_DIALECT: Final = "standard"
Dialect = Literal[
    "gyeonggi",
    "chungcheong",
    "gangwon",
    "gyeongsang",
    "jeolla",
    "jeju",
    "hwanghae",
    "hamgyeong",
    "pyeongan",
    "archaic",
]
DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)

_ANALYZE: Final[tuple[Operation, ...]] = ("analyze",)
_SENTENCES: Final[tuple[Operation, ...]] = ("sentences",)
_MORPHEMES: Final[tuple[Operation, ...]] = ("analyze", "sentences")


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that may be asked.

    Args:
        name: In JSON bodies, queries, both clients and Spark.
        kind: Its JSON type; `strings` is an array, in a query separated by commas.
        operations: Where it may be asked.
        meaning: One line for people.
        kiwi: Whether it goes to Kiwi as it is.
        choices: The strings that may be given, if not any.
        minimum: Of a number.
        maximum: Of a number, or of the number of strings.
        morphemes: Whether its strings are morphemes: a form, or form/TAG.
        switch: Whether true or false may replace the strings.
        member: The member of `Options` that holds it, if that has another name.

    """

    name: str
    kind: ValueKind
    operations: tuple[Operation, ...]
    meaning: str
    kiwi: bool = False
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = _MAX_WORDS
    morphemes: bool = False
    switch: bool = False
    member: str = ""

    @property
    def held_in(self) -> str:
        """Return the name of the member of `Options`."""
        return self.member or self.name


def _kiwi(name: str, meaning: str, operations: tuple[Operation, ...] = _MORPHEMES) -> Option:
    return Option(name, "boolean", operations, meaning, kiwi=True)


_ALL = (
    Option("analyzer", "string", OPERATIONS, "one of the analyzers of GET /v1/analyzers"),
    Option("fields", "strings", _MORPHEMES, "token fields to answer with, in this order", choices=tuple(TOKEN_FIELDS)),
    Option(
        "tags",
        "strings",
        _MORPHEMES,
        "answer with tokens of these only; VV includes VV-R and VV-I, and a token of VV+EC",
        choices=TAGS,
    ),
    Option(
        "top_n",
        "integer",
        _ANALYZE,
        "number of candidates to answer with, best first",
        minimum=1,
        maximum=MAX_CANDIDATES,
    ),
    Option("candidates", "boolean", _ANALYZE, "answer with candidates and their scores, even if it is only one"),
    Option("sentences", "boolean", _ANALYZE, "also answer where the sentences are"),
    Option("return_tokens", "boolean", _SENTENCES, "also answer the tokens of each sentence"),
    Option(
        "stopwords",
        "strings",
        _MORPHEMES,
        "leave these tokens out: a form, form/TAG, or /TAG for all of a tag; true takes Kiwi's list of stop words",
        morphemes=True,
        switch=True,
    ),
    _kiwi("normalize_coda", "take ㅋㅋㅋ, ㅎㅎㅎ and the like off the syllable before"),
    _kiwi("z_coda", "take a final consonant that was added to a word off as Z_CODA"),
    _kiwi("split_complex", "split morphemes that can be split further"),
    _kiwi("compatible_jamo", "give single consonants as compatibility jamo"),
    _kiwi("saisiot", "true splits words with saisiot, false joins them"),
    _kiwi("open_ending", "don't take the end of the text for the end of a sentence", _ANALYZE),
    Option(
        "match_options",
        "strings",
        _MORPHEMES,
        "patterns to find, and affixes to leave where they are; left out, all patterns and no affixes",
        kiwi=True,
        choices=MATCH_OPTIONS,
    ),
    Option("oov_handling", "string", _MORPHEMES, "how unknown words are guessed", kiwi=True, choices=OOV_HANDLINGS),
    Option(
        "blocklist",
        "strings",
        _MORPHEMES,
        "morphemes that may not be among the candidates: a form, or form/TAG",
        kiwi=True,
        morphemes=True,
    ),
    Option("typos", "string", _MORPHEMES, "correct these typos", kiwi=True, choices=(NO_TYPOS, *TYPOS)),
    Option("typo_cost_threshold", "number", _MORPHEMES, "correct typos up to this cost", kiwi=True, maximum=_MAX_COST),
    Option(
        "allowed_dialects",
        "strings",
        _MORPHEMES,
        "take words of these dialects, which the analyzer must have been loaded with",
        kiwi=True,
        choices=(STANDARD_DIALECT, *DIALECTS),
    ),
    Option("dialect_cost", "number", _MORPHEMES, "cost of a word of a dialect", kiwi=True, maximum=_MAX_COST),
    Option("lm_search", "boolean", ("join",), "choose among ambiguous forms by the language model"),
    Option("return_positions", "boolean", ("join",), "also answer where each morpheme is in the text"),
    Option("return_space_insertions", "boolean", ("glue",), "also answer between which chunks a blank was put"),
    Option("reset_whitespace", "boolean", ("space",), "forget the blanks that the text has, too"),
    Option(
        "operation",
        "string",
        ("call",),
        "one of the analyzer's own operations; may be left out where it has only one",
        member="called",
    ),
)
OPTIONS: Final[Mapping[str, Option]] = MappingProxyType({option.name: option for option in _ALL})


def options_of(operation: Operation) -> tuple[Option, ...]:
    """Return the options that an operation has."""
    return tuple(option for option in _ALL if operation in option.operations)
