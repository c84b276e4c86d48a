"""Stop words: which tokens to leave out, by form and tag. The list that kiwipiepy brings along, or one's own."""

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

from nlpbatch.kiwi.refusals import Refused
from nlpbatch.kiwi.tokens import Token
from nlpbatch.wire.tags import KIWI_TAGS

_DEFAULT_TAG: Final = "NNP"
# From kiwipiepy (Apache-2.0): the tags of symbols, and the 100 most frequent morphemes of its corpora.
_DEFAULT: Final = """
/SF /SP /SS /SSO /SSC /SE /SO /SW 하/XSV 을/JKO ᆫ/ETM 다/EF 었/EP 의/JKG 에/JKB 이/VCP 어/EC 이/JKS 는/ETM
를/JKO 는/JX 고/EC 은/JX 가/JKS 하/XSA 으로/JKB ᆯ/ETM 에서/JKB 도/JX 것/NNB 들/XSN 되/XSV 로/JKB 있/VV 있/VX 하/VV
은/ETM 적/XSN 게/EC ᆫ다/EF 과/JC 기/ETN 수/NNB 지/EC 하/VX 등/NNB 되/VV 년/NNB 와/JC 다/EC 않/VX 며/EC 어서/EC 면/EC
없/VA 말/NNG 일/NNB 이/MM 그/MM 대하/VV 어야/EC 던/ETM 지/VX 에게/JKB 위하/VV 을/ETM 그/NP 나/NP 까지/JX 고/JKQ 만/JX
과/JKB 이/NP 지만/EC 사람/NNG 받/VV 아니/VCN 한/MM 원/NNB 월/NNB 보/VV 면서/EC 성/XSN 때/NNG 다는/ETM 주/VX 만/NR 명/NNB
같/VA ᆫ/JX 겠/EP 중/NNB 이/JKC 제/XPN 어/EF 다고/EC 와/JKB 라는/ETM 우리/NP 따르/VV 때문/NNB 화/XSN 부터/JX 더/MAG 일/NNG
통하/VV 라/EC 지역/NNG
"""


class Stopwords:
    """A set of stop words, of which `filter` leaves none.

    Args:
        filename: A file with a `form/TAG`, or a `/TAG` for all of a tag, on each line; None for kiwipiepy's list.

    Raises:
        Refused: A line of another form.

    """

    def __init__(self, filename: str | os.PathLike[str] | None = None) -> None:
        self.stopwords: set[tuple[str, str]] = set()
        self.stoptags: set[str] = set()
        for entry in _DEFAULT.split() if filename is None else _lines(filename):
            form, slash, tag = entry.rpartition("/")
            if not slash:
                raise Refused(f"a line of the stop words is {entry[:80]!r}: write form/TAG, or /TAG")
            if form:
                self.stopwords.add((form, tag))
            else:
                self.stoptags.add(tag)

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write the stop words to a file that the constructor reads."""
        lines = [f"/{tag}" for tag in sorted(self.stoptags)]
        lines += [f"{form}/{tag}" for form, tag in sorted(self.stopwords)]
        with open(filename, "w", encoding="utf-8") as file:  # noqa: PTH123  (a name of any kind)
            file.writelines(f"{line}\n" for line in lines)

    def __contains__(self, word: Any) -> bool:
        if isinstance(word, str):
            raise Refused("a word is a string: give a tuple of form and tag")
        try:
            form, tag = word
        except (TypeError, ValueError):
            raise Refused("a word is a tuple of form and tag") from None
        return (form, tag) in self.stopwords or tag in self.stoptags

    def add(self, tokens: str | tuple[str, str] | Iterable[str | tuple[str, str]]) -> None:
        """Add words: a form, which counts as NNP, a tuple of form and tag, or several of them."""
        self.stopwords.update(_pairs(tokens))

    def remove(self, tokens: str | tuple[str, str] | Iterable[str | tuple[str, str]]) -> None:
        """Remove words; one that isn't there is an error."""
        for pair in _pairs(tokens):
            if pair not in self.stopwords:
                raise Refused(f"{pair!r} doesn't exist in stopwords")
            self.stopwords.discard(pair)

    def filter(self, tokens: Iterable[Token]) -> list[Token]:
        """Return the tokens that aren't stop words."""
        return [
            token
            for token in tokens
            if (token.form, token.tag) not in self.stopwords and token.tag not in self.stoptags
        ]


def _lines(filename: str | os.PathLike[str]) -> list[str]:
    with open(filename, encoding="utf-8") as file:  # noqa: PTH123  (a name of any kind)
        return [line.strip() for line in file if line.strip()]


def _pairs(tokens: Any) -> Iterator[tuple[str, str]]:
    one = isinstance(tokens, str) or (
        isinstance(tokens, tuple) and len(tokens) == 2 and all(isinstance(part, str) for part in tokens)  # noqa: PLR2004
    )
    for token in [tokens] if one else tokens:
        yield _pair(token)


def _pair(token: Any) -> tuple[str, str]:
    if isinstance(token, str):
        return token, _DEFAULT_TAG
    try:
        form, tag = token
    except (TypeError, ValueError):
        raise Refused(f"a stop word is a {type(token).__name__}: give a string or a tuple of form and tag") from None
    if not isinstance(tag, str) or tag not in KIWI_TAGS:
        raise Refused(f"{tag!r} is an invalid tag: choose from {', '.join(KIWI_TAGS)}")
    return form, tag
