"""The options table: every option with its type, its bounds and the operations that take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.tags import TAGS

Operation = Literal["analyze", "sentences", "space"]
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)
Kind = Literal["string", "boolean", "integer", "strings"]
DEFAULT_ANALYZER: Final = "default"
MOST_CANDIDATES: Final = 10
_MOST_WORDS: Final = 1000
MOST_WORD_CODE_POINTS: Final = 100
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

_ANALYZE: Final[tuple[Operation, ...]] = ("analyze",)
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
        least: Of an integer.
        most: Of an integer, or of the number of strings.
        morphemes: Whether its strings are morphemes: a form, or form/TAG.

    """

    name: str
    kind: Kind
    operations: tuple[Operation, ...]
    meaning: str
    kiwi: bool = False
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = _MOST_WORDS
    morphemes: bool = False


def _kiwi(name: str, meaning: str, operations: tuple[Operation, ...] = _MORPHEMES) -> Option:
    return Option(name, "boolean", operations, meaning, kiwi=True)


_ALL = (
    Option("analyzer", "string", OPERATIONS, "one of the analyzers of GET /v1/analyzers"),
    Option("fields", "strings", _ANALYZE, "token fields to answer with, in this order", choices=tuple(TOKEN_FIELDS)),
    Option("tags", "strings", _ANALYZE, "answer with these only; VV stands for VV-R and VV-I, too", choices=TAGS),
    Option("top_n", "integer", _ANALYZE, "answer with so many candidates, best first", least=1, most=MOST_CANDIDATES),
    Option("candidates", "boolean", _ANALYZE, "answer with candidates and their scores, even if it is only one"),
    Option("sentences", "boolean", _ANALYZE, "also answer where the sentences are"),
    Option("stopwords", "boolean", _ANALYZE, "leave out what is in Kiwi's list of stop words"),
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
    Option("reset_whitespace", "boolean", ("space",), "forget the blanks that the text has, too"),
)
OPTIONS: Final[Mapping[str, Option]] = MappingProxyType({option.name: option for option in _ALL})


def options_of(operation: Operation) -> tuple[Option, ...]:
    """Return the options that an operation has."""
    return tuple(option for option in _ALL if operation in option.operations)
