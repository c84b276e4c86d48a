"""Analysed documents as people want to see them in a notebook: each word with its morphemes underneath."""

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.tags import meaning_of

_NEEDED: Final = ("form", "tag", "start", "end")
_COLOURS: Final = {
    "noun": "#3b6ea5",
    "verb": "#b2512f",
    "modifier": "#8a6d1d",
    "interjection": "#a23b72",
    "particle": "#5f7a61",
    "ending": "#7a6a8f",
    "affix": "#4f8a8b",
    "symbol": "#8a8f98",
    "other": "#8a8f98",
}
_STYLE: Final = (
    "<style>.nlpbatch{display:flex;flex-wrap:wrap;gap:.6em .9em;line-height:1.35;margin:.4em 0}"
    ".nlpbatch>div{text-align:center}.nlpbatch .m{display:flex;gap:.25em;justify-content:center}"
    ".nlpbatch .m span{border-top:2px solid;padding:.1em .15em 0;font-size:.85em;white-space:pre}"
    ".nlpbatch small{display:block;font-size:.75em;opacity:.75}</style>"
)


@dataclass(frozen=True, slots=True)
class AnalysedDocument:
    """A document with its tokens; a notebook that ends a cell with it shows it in colour.

    Args:
        text: The document; None if there was none.
        tokens: Its tokens, each with `form`, `tag`, `start` and `end`.
        error: The error message instead of tokens.

    """

    text: str | None
    tokens: tuple[Mapping[str, Any], ...] = ()
    error: str | None = None

    def __str__(self) -> str:
        """Return it for a terminal: the tokens as form/tag."""
        if self.error is not None:
            return f"({self.error})"
        return " ".join(f"{token['form']}/{token['tag']}" for token in self.tokens)

    def _repr_html_(self) -> str:
        """Return it for a notebook."""
        if self.error is not None:
            return f"{_STYLE}<div class='nlpbatch'><em>{html.escape(self.error)}</em></div>"
        words = "".join(_word(word, tokens) for word, tokens in self._words())
        return f"{_STYLE}<div class='nlpbatch' lang='ko'>{words}</div>"

    def _words(self) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """Yield the words, as blanks part them, with the tokens that begin in them."""
        text, left = self.text or "", list(self.tokens)
        start = reached = 0
        for end in range(len(text) + 1):
            inside = [token for token in left if token["start"] < end]
            reached = max([reached, *(token["end"] for token in inside)])
            # a token may reach over a blank, as in "할 수 있"
            if (end == len(text) or text[end].isspace()) and reached <= end:
                if text[start:end].strip():
                    yield text[start:end].strip(), inside
                    left = left[len(inside) :]
                start = end


def show(text: str | None, tokens: Iterable[Any] | None, error: Any = None) -> AnalysedDocument:
    """Return a document to look at; `show(row.review, row.tokens, row.error)` of what `analyze` gives.

    Args:
        text: The document.
        tokens: Its tokens: rows of Spark, tokens of the client, or mappings.
        error: Its error, a string or something with a `message`; None for none.

    Raises:
        InvalidRequest: The tokens lack form, tag, start or end.

    """
    if error is not None:
        message = error["message"] if isinstance(error, Mapping) else getattr(error, "message", error)
        return AnalysedDocument(text, error=str(message))
    return AnalysedDocument(text, tuple(map(_members, () if tokens is None else tokens)))


def _members(token: Any) -> Mapping[str, Any]:
    # Spark's rows have asDict(), our own tokens as_dict().
    convert = getattr(token, "asDict", None) or getattr(token, "as_dict", None)
    found: Mapping[str, Any] = convert() if convert else dict(token)
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise InvalidRequest(f"tokens have no {missing[0]!r}: analyse with fields={_NEEDED} at least to show them")
    return found


def _word(word: str, tokens: list[Mapping[str, Any]]) -> str:
    return f"<div>{html.escape(word)}<div class='m'>{''.join(map(_morpheme, tokens))}</div></div>"


def _morpheme(token: Mapping[str, Any]) -> str:
    tag = meaning_of(token["tag"])
    about = f"{tag.korean}, {tag.english}"
    lemma = f"{token['lemma']}: " if token.get("lemma") else ""
    colour = _COLOURS[tag.word_class]
    return (
        f"<span style='border-color:{colour}' title='{html.escape(lemma + about, quote=True)}'>"
        f"{html.escape(token['form'])}<small>{html.escape(token['tag'])}</small></span>"
    )
