"""Sets of morphemes, as blocklists have them."""

from collections.abc import Iterable
from typing import Any

from nlpbatch.kiwi.refusals import NotRemote, Refused
from nlpbatch.kiwi.settings import REMEDY

Morpheme = str | tuple[str, str] | tuple[str, str, int]


class MorphemeSet:
    """Morphemes, each a form, "form/TAG", or a tuple of form and tag.

    Args:
        kiwi: Whose morphemes they are; kept as `kiwi`.
        morphs: The morphemes.

    Raises:
        Refused: Something else.
        NotRemote: A morpheme with the number of a sense, which the service does not take.

    """

    def __init__(self, kiwi: Any, morphs: Iterable[Morpheme]) -> None:
        self.kiwi = kiwi
        self.set = set(map(_form_and_tag, morphs))

    def __repr__(self) -> str:
        return f"MorphemeSet(kiwi, {self.set!r})"

    def __len__(self) -> int:
        return len(self.set)

    def entries(self) -> list[str]:
        """Return them as the service takes them."""
        return sorted(f"{form}/{tag}" if tag else form for form, tag in self.set)


def _form_and_tag(morpheme: Any) -> tuple[str, str]:
    if isinstance(morpheme, str):
        form, _, tag = morpheme.partition("/")
        return form, tag
    if isinstance(morpheme, tuple) and len(morpheme) == 3:  # noqa: PLR2004
        raise NotRemote(f"a morpheme is given with the number of a sense: leave it out, or block it there: {REMEDY}")
    if isinstance(morpheme, tuple) and len(morpheme) == 2 and all(isinstance(part, str) for part in morpheme):  # noqa: PLR2004
        form, tag = morpheme
        return form, tag
    raise Refused(f"a morpheme is a {type(morpheme).__name__}: give a string, or a tuple of form and tag")
