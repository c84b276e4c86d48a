"""Tokens as kiwipiepy has them: read-only attributes, and a sequence of form, tag, start and length."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from nlpbatch.wire.fields import KIWI_FIELDS, TOKEN_FIELDS

FIELDS: Final = tuple(name for name in KIWI_FIELDS if name != "end")
"""Fields requested from the service; `end` follows from the others."""
_SEQUENCE: Final = ("form", "tag", "start", "len")
_CONJUGATED: Final = frozenset({"VV", "VA", "VX", "VCP", "VCN"})


class Token:
    """One morpheme. Like kiwipiepy's, it unpacks to (form, tag, start, len) and is equal to itself alone.

    `user_value` is None: a dictionary of the service has none.
    """

    __slots__ = ("_values",)

    if TYPE_CHECKING:
        form: str
        tag: str
        start: int
        len: int
        lemma: str
        base_form: str
        raw_form: str
        sent_position: int
        sub_sent_position: int
        word_position: int
        line_number: int
        score: float
        oov: bool
        typo_cost: float
        sense: int
        paired_token: int
        script: str | None
        id: int
        base_id: int
        dialect: int

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @property
    def end(self) -> int:
        """Return the code point after the last one, in the text that was given."""
        return self.start + self.len

    @property
    def span(self) -> tuple[int, int]:
        """Return start and end."""
        return self.start, self.end

    @property
    def tagged_form(self) -> str:
        """Return form/TAG."""
        return f"{self.form}/{self.tag}"

    @property
    def form_tag(self) -> tuple[str, str]:
        """Return form and tag."""
        return self.form, self.tag

    @property
    def regularity(self) -> bool | None:
        """Return whether a verb or adjective is regular; None for anything else."""
        kind, _, conjugation = self.tag.partition("-")
        return conjugation != "I" if kind in _CONJUGATED else None

    @property
    def user_value(self) -> None:
        """Return None."""
        return

    def __getitem__(self, index: int) -> Any:
        if not isinstance(index, int):
            raise TypeError(f"sequence index must be integer, not '{type(index).__name__}'")
        try:
            return self._values[_SEQUENCE[index]]
        except IndexError:
            raise IndexError("index out of range") from None

    def __len__(self) -> int:
        return len(_SEQUENCE)

    def __iter__(self) -> Iterator[Any]:
        return (self._values[name] for name in _SEQUENCE)

    def __repr__(self) -> str:
        shown = [f"{name}={self._values[name]!r}" for name in _SEQUENCE]
        shown += [f"{name}={self._values[name]!r}" for name in ("sense", "oov") if self._values[name]]
        return f"Token({', '.join(shown)})"


def _reader(name: str) -> property:
    return property(lambda self: self._values[name], doc=f"{TOKEN_FIELDS[name].meaning}.")


for _name in FIELDS:
    setattr(Token, _name, _reader(_name))
