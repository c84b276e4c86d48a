r"""A user dictionary: one entry a line, its columns separated by tabs; blank lines and # comments are passed over.

    밀크티                  NNP                         a word, with its tag
    밀크티                  NNP        -3.0             the same with a score; 0 is neutral, lower is rarer
    사겼다                  사귀/VV + 었/EP + 다/EF      a form with its analysis
    /[A-Z]{2}-\d+/          W_SERIAL                    whatever a regular expression matches, as one token
    s/요$/용/               EF         -2.0             variants of all morphemes of a tag, made by a replacement

The first three are Kiwi's own format. Each engine takes some of the kinds, with the tags of its own set.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from nlpbatch.errors import ConfigError
from nlpbatch.wire.limits import MIB
from nlpbatch.wire.tags import KIWI_TAGS, MECAB_KO, TAGSETS

EntryKind = Literal["word", "analysed", "pattern", "variants"]
MAX_BYTES: Final = 64 * MIB
_MAX_FAULTS: Final = 20
_FORM_CODE_POINTS: Final = 100
_ANALYSIS = re.compile(r"(.+)/([A-Z_0-9-]+)")
_VARIANTS = re.compile(r"s/((?:[^/\\]|\\.)+)/((?:[^/\\]|\\.)*)/")
_PATTERN = re.compile(r"/(.+)/")


@dataclass(frozen=True, slots=True)
class DictionaryEntry:
    """One entry.

    Args:
        where: File and line, for messages.
        kind: Kind of the entry.
        values: JSON values, as Kiwi's method for that kind takes them: form, tag or analysis, and score.

    """

    where: str
    kind: EntryKind
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class AcceptedEntries:
    """The entries that an engine takes: some kinds, with some tags.

    Args:
        tags: Of the tags of its set those that words may have.
        kinds: Of entries.
        refusal: Why it takes no others.

    """

    tags: tuple[str, ...]
    kinds: tuple[EntryKind, ...] = get_args(EntryKind)
    refusal: str = ""


KIWI_ENTRIES: Final = AcceptedEntries(KIWI_TAGS)
MECAB_ENTRIES: Final = AcceptedEntries(
    tuple(tag for tag in TAGSETS[MECAB_KO] if tag not in {"UNKNOWN", "UNA", "NA", "VSV"}),
    ("word", "analysed"),
    "MeCab takes words only: write each form out",
)


class _Fault(ValueError):
    """A line that can't be used; the message has the reason."""


def parse(content: bytes, name: str, accepted: AcceptedEntries = KIWI_ENTRIES) -> list[DictionaryEntry]:
    """Return the entries of a file, for an engine that takes some kinds.

    Raises:
        ConfigError: Lines that can't be used, up to 20 of them, each with file, line and reason.

    """
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name} has {len(content):,} bytes, the limit is {MAX_BYTES:,}: split it over files")
    entries: list[DictionaryEntry] = []
    faults: list[str] = []
    seen: dict[tuple[EntryKind, tuple[Any, ...]], int] = {}
    for number, line in _lines(content, name):
        try:
            kind, values = _entry(line, accepted)
        except _Fault as fault:
            faults.append(f"{name}:{number}: {fault}")
            continue
        before = seen.setdefault((kind, values), number)
        if before != number:
            faults.append(f"{name}:{number}: the same as line {before}: leave one out")
        entries.append(DictionaryEntry(f"{name}:{number}", kind, values))
    if faults:
        more = len(faults) - _MAX_FAULTS
        raise ConfigError("\n".join(faults[:_MAX_FAULTS] + ([f"{name}: and {more:,} lines more"] if more > 0 else [])))
    return entries


def _lines(content: bytes, name: str) -> Iterator[tuple[int, str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{at}: not UTF-8 ({error.reason}): save the file as UTF-8") from None
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.rstrip("\r")
        if stripped.strip() and not stripped.startswith("#"):
            yield number, stripped


def _entry(line: str, accepted: AcceptedEntries) -> tuple[EntryKind, tuple[Any, ...]]:
    columns = [column.strip() for column in line.split("\t")]
    if not 2 <= len(columns) <= 3:  # noqa: PLR2004  (form, tag, score)
        raise _Fault(f"{len(columns)} columns: write form, tag and perhaps a score, with tabs between them")
    form, meaning, *rest = columns
    score = _score(rest[0]) if rest else 0.0
    if (variants := _VARIANTS.fullmatch(form)) is not None:
        _check_kind("variants", accepted)
        return "variants", (_tag(meaning, accepted), _regex(variants[1]), variants[2], score)
    if (pattern := _PATTERN.fullmatch(form)) is not None:
        _check_kind("pattern", accepted)
        if rest:
            raise _Fault("a pattern takes no score: leave it out")
        return "pattern", (_regex(pattern[1]), _tag(meaning, accepted))
    if not 0 < len(form) <= _FORM_CODE_POINTS:
        raise _Fault(f"the form has {len(form)} code points, must be 1 to {_FORM_CODE_POINTS}: shorten it")
    if "/" in meaning:
        return "analysed", (form, _analysis(meaning, accepted), score)
    return "word", (form, _tag(meaning, accepted), score)


def _check_kind(kind: EntryKind, accepted: AcceptedEntries) -> None:
    if kind not in accepted.kinds:
        raise _Fault(accepted.refusal)


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise _Fault(f"the score {text[:20]!r} is no number: write one such as -3.0, or leave it out")
    return score


def _tag(text: str, accepted: AcceptedEntries) -> str:
    if text not in accepted.tags:
        raise _Fault(f"there is no tag {text[:20]!r}: choose from {', '.join(accepted.tags)}")
    return text


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise _Fault(f"no regular expression: {error.msg} at {error.pos}") from None
    if re.compile(text).match("") is not None:
        raise _Fault("the regular expression matches the empty text: make it match something")
    return text


def _analysis(text: str, accepted: AcceptedEntries) -> tuple[tuple[str, str], ...]:
    parts = [_ANALYSIS.fullmatch(part.strip()) for part in text.split("+")]
    if not all(parts):
        raise _Fault("no analysis: write it as 사귀/VV + 었/EP + 다/EF")
    return tuple((part[1], _tag(part[2], accepted)) for part in parts if part is not None)


def add(kiwi: Any, entries: list[DictionaryEntry]) -> None:
    """Add entries to a Kiwi.

    Raises:
        ConfigError: Kiwi doesn't take one; it is named by file and line.

    """
    add_one: dict[EntryKind, Callable[..., Any]] = {
        "word": kiwi.add_user_word,
        "analysed": kiwi.add_pre_analyzed_word,
        "pattern": kiwi.add_re_word,
        "variants": kiwi.add_re_rule,
    }
    for entry in entries:
        try:
            add_one[entry.kind](*entry.values)
        except (ValueError, TypeError, RuntimeError, re.error) as error:
            raise ConfigError(f"{entry.where}: Kiwi doesn't take it: {error}") from error
