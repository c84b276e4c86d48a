"""The token fields that can be requested: one table from which JSON, Arrow and Spark types are derived."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from nlpbatch.errors import UnknownField

FieldType = Literal["string", "int32", "float32", "bool"]


@dataclass(frozen=True, slots=True)
class TokenField:
    """One attribute of a token.

    Args:
        name: The name in every encoding; the engine's own where it has one.
        type: The Arrow type; JSON follows from it.
        meaning: One line for people.
        nullable: Whether a token may have none.

    """

    name: str
    type: FieldType
    meaning: str
    nullable: bool = False


_OF_ALL: Final = (
    TokenField("form", "string", "surface form of the morpheme"),
    TokenField("tag", "string", "part of speech in the tag set of the analyzer"),
    TokenField("start", "int32", "first code point in the text as it was sent, inclusive"),
    TokenField("end", "int32", "last code point in the text as it was sent, exclusive"),
    TokenField("len", "int32", "code points covered: end - start"),
)
_OOV: Final = TokenField("oov", "bool", "whether the word was unknown and guessed")
_OF_KIWI: Final = (
    TokenField("lemma", "string", "dictionary form; verbs and adjectives end in -다"),
    TokenField("base_form", "string", "form of the underlying dictionary entry ('' for unknown words)"),
    TokenField("raw_form", "string", "form as matched in the text, before normalisation"),
    TokenField("sent_position", "int32", "sentence the token is in, from 0"),
    TokenField("sub_sent_position", "int32", "embedded sentence the token is in, from 1; 0 outside of any"),
    TokenField("word_position", "int32", "blank-separated word (eojeol) within the sentence, from 0"),
    TokenField("line_number", "int32", "line the token is in, from 0"),
    TokenField("score", "float32", "log-probability that the language model gives the token"),
    _OOV,
    TokenField("typo_cost", "float32", "cost of the spelling correction applied; 0 for none"),
    TokenField("sense", "int32", "number of the sense among homographs, 0 if not distinguished"),
    TokenField("paired_token", "int32", "index of the matching bracket or quote, -1 for none"),
    TokenField("script", "string", "script of a foreign or symbol token, null for others", nullable=True),
    TokenField("id", "int32", "number of the morpheme in the engine; it holds for one fingerprint"),
    TokenField("base_id", "int32", "number of the underlying dictionary entry"),
    TokenField("dialect", "int32", "dialects that the morpheme belongs to, as Kiwi's bits; 0 for standard Korean"),
)
_OF_MECAB: Final = (
    TokenField("semantic", "string", "semantic class in mecab-ko-dic, such as 지명", nullable=True),
    TokenField("has_jongseong", "bool", "whether the last syllable has a final consonant", nullable=True),
    TokenField("reading", "string", "how the word is read, in Hangul", nullable=True),
    TokenField("type", "string", "Inflect, Compound or Preanalysis if it is made of several morphemes", nullable=True),
    TokenField("start_pos", "string", "part of speech of the first of several morphemes", nullable=True),
    TokenField("end_pos", "string", "part of speech of the last of several morphemes", nullable=True),
    TokenField("expression", "string", "the morphemes it is made of, such as 가/VV/*+았/EP/*", nullable=True),
)

TOKEN_FIELDS: Mapping[str, TokenField] = MappingProxyType(
    {field.name: field for field in (*_OF_ALL, *_OF_KIWI, *_OF_MECAB)}
)
"""Those of all engines; an analyzer states its own on `GET /v1/analyzers`."""
KIWI_FIELDS: tuple[str, ...] = tuple(field.name for field in (*_OF_ALL, *_OF_KIWI))
MECAB_FIELDS: tuple[str, ...] = tuple(field.name for field in (*_OF_ALL, _OOV, *_OF_MECAB))
DEFAULT_FIELDS: tuple[str, ...] = ("form", "tag", "start", "end")


def check_fields(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names as a tuple.

    Raises:
        UnknownField: A name isn't offered, is given twice, or none was given.

    """
    fields = tuple(names)
    unknown = [name for name in fields if name not in TOKEN_FIELDS]
    if unknown:
        raise UnknownField(
            f"unknown token field {unknown[0]!r}: choose from {', '.join(TOKEN_FIELDS)}", field=unknown[0]
        )
    if not fields:
        raise UnknownField(f"no token field asked for: choose from {', '.join(TOKEN_FIELDS)}")
    if len(set(fields)) != len(fields):
        twice = next(name for name in fields if fields.count(name) > 1)
        raise UnknownField(f"token field {twice!r} is asked for twice: name it once", field=twice)
    return fields
