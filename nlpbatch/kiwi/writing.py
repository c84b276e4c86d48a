"""Brings the arguments of `join` and `glue` into the shape that the service takes."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from nlpbatch.client.arguments import plain_morphemes
from nlpbatch.kiwi.refusals import Refused


def to_morphemes(morphs: Any) -> list[Any]:
    """Return morphemes as (form, tag), or (form, tag, whether a blank precedes); two tokens in a row as they stood.

    Raises:
        Refused: Something else.

    """
    if not isinstance(morphs, Iterable):
        raise Refused(f"morphs is a {type(morphs).__name__}: give an iterable of tokens or of tuples of form and tag")
    return plain_morphemes(_checked(morph, position) for position, morph in enumerate(morphs))


def _checked(morph: Any, position: int) -> Any:
    if isinstance(morph, tuple):
        form, tag, *blank = morph if len(morph) in {2, 3} else (None, None)
        morph = (form, tag, *(None if one is None else bool(one) for one in blank))
    else:
        form, tag = getattr(morph, "form", None), getattr(morph, "tag", None)
    if not isinstance(form, str) or not isinstance(tag, str):
        raise Refused(f"morpheme {position} is a {type(morph).__name__}: give a token, or a tuple of form and tag")
    return morph


def to_chunks(text_chunks: Any) -> list[str]:
    """Return the chunks of a text.

    Raises:
        Refused: One is no string.

    """
    if not isinstance(text_chunks, Iterable):
        raise Refused(f"text_chunks is a {type(text_chunks).__name__}: give an iterable of strings")
    chunks = list(text_chunks)
    for position, chunk in enumerate(chunks):
        if not isinstance(chunk, str):
            raise Refused(f"chunk {position} is a {type(chunk).__name__}: give a string")
    return chunks


def to_flags(insert_new_lines: Iterable[Any], count: int) -> list[bool]:
    """Return for each chunk whether a line end follows it instead of a blank.

    Raises:
        Refused: There are fewer.

    """
    flags = [bool(flag) for flag in islice(insert_new_lines, count)]
    if len(flags) < count:
        raise Refused(f"insert_new_lines has {len(flags)} entries for {count} chunks: give one for each")
    return flags
