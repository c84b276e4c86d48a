"""Templates: a text with fields, which morphemes fill in the form that fits there."""

import string
from itertools import count
from typing import Any, Final

from nlpbatch.kiwi.pretokenized import PretokenizedToken
from nlpbatch.kiwi.refusals import Refused
from nlpbatch.kiwi.tokens import Token

_FIELD: Final = "{}"
_FIELD_TOKENS: Final = [PretokenizedToken("(", "SSO", 0, 1), PretokenizedToken(")", "SSC", 1, 2)]
_ONSETS: Final = {char: chr(0x1100 + n) for n, char in enumerate("ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ")}
_CODAS: Final = {
    char: chr(0x11A8 + n) for n, char in enumerate("ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
}


class Template:
    """A template; `format` fills its fields as `str.format` does, and joins morphemes with the text around them.

    Args:
        kiwi: Analyses the text around the fields, and joins it.
        format_str: The text, with fields as `str.format` has them. A consonant alone is the first of a syllable;
            with a backslash before it, the last.

    Raises:
        Refused: A consonant that can't be there, or fields both with and without numbers.

    """

    def __init__(self, kiwi: Any, format_str: str) -> None:
        self._kiwi = kiwi
        self._formatter = string.Formatter()
        text, spans = "", []
        self._fields: list[tuple[str, str, str | None]] = []
        for literal, name, format_spec, conversion in self._formatter.parse(format_str):
            text += _jamo(literal)
            if name is not None:
                spans.append((len(text), len(text) + len(_FIELD), _FIELD_TOKENS))
                text += _FIELD
                self._fields.append((name, format_spec or "", conversion))
        self._number_fields()
        tokens = kiwi.tokenize(text, pretokenized=spans) if text else []
        self._runs = _runs(tokens, [start for start, *_ in spans])

    def format(self, *args: Any, **kwargs: Any) -> str:
        """Return the text with its fields filled: by tokens, (form, tag) or lists of them, or by anything else."""
        morphemes: list[Any] = list(self._runs[0])
        for (name, format_spec, conversion), run in zip(self._fields, self._runs[1:], strict=True):
            value, _ = self._formatter.get_field(name, args, kwargs)
            given = None if conversion else _as_morphemes(value)
            if given and format_spec:
                raise Refused("cannot specify format specifier for Kiwi Token")
            morphemes += given or [(self._plain(value, format_spec, conversion), "SW")]
            morphemes += run
        return str(self._kiwi.join(morphemes))

    def _plain(self, value: Any, format_spec: str, conversion: Any) -> str:
        return str(self._formatter.format_field(self._formatter.convert_field(value, conversion), format_spec))

    def _number_fields(self) -> None:
        names = [name for name, *_ in self._fields]
        if "" in names and any(name.isdigit() for name in names):
            raise Refused("cannot switch between manual field specification and automatic field numbering")
        numbers = count()
        self._fields = [
            (str(next(numbers)) if name == "" else name, format_spec, conversion)
            for name, format_spec, conversion in self._fields
        ]


def _runs(tokens: list[Token], fields: list[int]) -> list[list[Token]]:
    """Return the tokens before, between and after the fields, which begin at these code points."""
    runs: list[list[Token]] = [[]]
    waiting = list(fields)
    opened = False
    for token in tokens:
        if opened:  # the second token of a field
            opened = False
            runs.append([])
        elif waiting and token.span == (waiting[0], waiting[0] + 1):
            waiting.pop(0)
            opened = True
        elif runs[-1] or token.len or token.form_tag != ("이", "VCP"):  # a copula that only stood for the field
            runs[-1].append(token)
    return runs


def _as_morphemes(value: Any) -> list[Any] | None:
    """Return a value as morphemes; None if it is something else."""
    values = value if isinstance(value, list) else [value]
    return values if all(map(_is_morpheme, values)) else None


def _is_morpheme(value: Any) -> bool:
    if not isinstance(value, tuple):
        return hasattr(value, "form") and hasattr(value, "tag")
    kinds = tuple(map(type, value))
    return kinds in {(str, str), (str, str, bool)}


def _jamo(text: str) -> str:
    """Return the text with its lone consonants as first ones of a syllable, those after a backslash as last ones."""
    result, chars = "", iter(text)
    for char in chars:
        if char == "\\":
            result += _coda(next(chars, ""))
        elif char in _CODAS and char not in _ONSETS:
            raise Refused(f"wrong consonant {char}: no syllable begins with it")
        else:
            result += _ONSETS.get(char, char)
    return result


def _coda(char: str) -> str:
    if char in _ONSETS and char not in _CODAS:
        raise Refused(f"wrong consonant \\{char}: no syllable ends with it")
    if char == "":
        return ""
    return "\\" if char == "\\" else _CODAS.get(char, f"\\{char}")
