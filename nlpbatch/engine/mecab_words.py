"""Words of one's own for MeCab, compiled by MeCab's own compiler.

It takes lines of `form,left id,right id,cost,tag,semantic,final consonant,reading,type,first tag,last tag,expression`.
Ids and costs are left out: it finds the ids by the other columns, and the cost that mecab-ko-dic's model gives such a
word. A score is then taken off the cost, in the model's own measure.

The compiler ends its process at a line that it can't use, without naming it: so it runs in a process of its own, and
such lines are looked for by halves.
"""

import csv
import io
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from nlpbatch.engine.dictionary import DictionaryEntry
from nlpbatch.engine.normalise import normalise
from nlpbatch.errors import ConfigError

COST_FACTOR: Final = 800
"""Of mecab-ko-dic's `dicrc`: a cost is -800 times the logarithm of a probability."""
MAX_SCORE: Final = 30.0
"""Costs have 16 bits."""
_MAX_COST: Final = 32_767
_COST_COLUMN: Final = 3
_MAX_EXPRESSION: Final = 1_000
"""The compiler reads lines of up to 8 KiB, and nothing after a longer one."""
_MAX_FAULTS: Final = 20
_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS = 0xAC00, 0xD7A3, 28
_WITH_FINAL: Final = frozenset("013678LlMmNnRr")
"""Digits and letters whose names end with a consonant: 영, 일, 삼, 육, 칠, 팔, 엘, 엠, 엔, 알."""
_SYMBOLS: Final = frozenset({"SF", "SE", "SSO", "SSC", "SC", "SY", "SH", "SN"})
"""Tags whose words have neither reading nor final consonant in mecab-ko-dic."""
_QUOTED: Final = frozenset(',"')
_REASON: Final = re.compile(r"\] (.*)")
_ABSENT: Final = "*"


class _Unusable(ValueError):
    """An entry that MeCab can't have; the message has the reason."""


def compile_words(entries: Sequence[DictionaryEntry], dictionary: Path, work: Path) -> Path:
    """Return the compiled file of the entries, in the directory `work`.

    Args:
        entries: Words, and forms with their analysis.
        dictionary: The directory of mecab-ko-dic.
        work: An empty directory.

    Raises:
        ConfigError: Entries that MeCab doesn't take, up to 20 of them, each with file, line and reason.

    """
    rows, faults = [], []
    for entry in entries:
        try:
            rows.append(_row(entry))
        except _Unusable as error:
            faults.append(f"{entry.where}: {error}")
    if faults:
        raise ConfigError("\n".join(faults[:_MAX_FAULTS]))
    with_costs, words = work / "costs.csv", work / "words.dic"
    model = ("--model", str(dictionary / "model.bin"), "--assign-user-dictionary-costs")
    if _compile(rows, dictionary, with_costs, *model) is not None:
        found = _faults(list(zip(entries, rows, strict=True)), dictionary, work / "trial.csv", model)
        raise ConfigError("\n".join(islice(found, _MAX_FAULTS)))
    costs = [row[_COST_COLUMN] for row in csv.reader(io.StringIO(with_costs.read_text(encoding="utf-8")))]
    for row, entry, cost in zip(rows, entries, costs, strict=True):
        row[_COST_COLUMN] = str(_with_score(int(cost), entry.values[2]))
    if (reason := _compile(rows, dictionary, words)) is not None:
        raise ConfigError(f"the dictionary can't be compiled: {reason}: report it")
    return words


def _row(entry: DictionaryEntry) -> list[str]:
    """Return the columns of a line.

    Raises:
        _Unusable: They can't hold it.

    """
    form, meaning, score = entry.values
    form = normalise(form).text  # as texts are
    if not form:
        raise _Unusable("the form has invisible characters only: leave it out")
    if not -MAX_SCORE <= score <= MAX_SCORE:
        raise _Unusable(f"the score is {score}: write one from -{MAX_SCORE} to {MAX_SCORE}")
    tag = meaning if isinstance(meaning, str) else "+".join(tag for _, tag in meaning)
    final, reading = (_ABSENT, _ABSENT) if tag in _SYMBOLS else (_final(form), form)
    if set(form) & _QUOTED:
        reading = _ABSENT
    columns = [form, "", "", "", tag, _ABSENT, final, reading, *_parts(form, meaning)]
    if len(columns[-1]) > _MAX_EXPRESSION:
        raise _Unusable(f"the analysis has {len(columns[-1]):,} code points, {_MAX_EXPRESSION:,} at most: shorten it")
    # The compiler takes the tag and what follows as they are, without quotes.
    if any(set(column) & _QUOTED for column in columns[1:]):
        raise _Unusable("MeCab takes no comma and no quotation mark in an analysis: leave it out")
    return columns


def _parts(form: str, meaning: Any) -> list[str]:
    """Return type, first and last tag, and expression, in which mecab-ko-dic says of what a word is made."""
    if isinstance(meaning, str):
        return [_ABSENT] * 4
    kind = "Preanalysis" if "".join(part for part, _ in meaning) == form else "Inflect"
    return [kind, meaning[0][1], meaning[-1][1], "+".join(f"{part}/{tag}/*" for part, tag in meaning)]


def _final(form: str) -> str:
    """Return T if the form ends with a consonant as it is spoken, else F: the particles that follow depend on it."""
    last = form[-1]
    if _FIRST_SYLLABLE <= ord(last) <= _LAST_SYLLABLE:
        return "T" if (ord(last) - _FIRST_SYLLABLE) % _FINALS else "F"
    return "T" if last in _WITH_FINAL else "F"


def _with_score(cost: int, score: float) -> int:
    return max(-_MAX_COST, min(_MAX_COST, cost - round(COST_FACTOR * score)))


def _compile(rows: Sequence[Sequence[str]], dictionary: Path, target: Path, *more: str) -> str | None:
    """Compile lines; return why the compiler has given up, None if it hasn't."""
    source = target.with_suffix(".in.csv")
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    # -P: a directory `mecab` where the service was started is another one.
    command = [sys.executable, "-P", "-m", "mecab", "dict-index", "--dicdir", str(dictionary), "--userdic", str(target)]
    done = subprocess.run(
        [*command, *more, str(source)], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if not done.returncode:
        return None
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    found = _REASON.search(last)
    return found[1].strip() if found else last


def _faults(
    lines: Sequence[tuple[DictionaryEntry, list[str]]], dictionary: Path, target: Path, model: Sequence[str]
) -> Iterator[str]:
    """Yield what is wrong with lines of which at least one is."""
    if (reason := _compile([row for _, row in lines], dictionary, target, *model)) is None:
        return
    if len(lines) > 1:
        middle = len(lines) // 2
        yield from _faults(lines[:middle], dictionary, target, model)
        yield from _faults(lines[middle:], dictionary, target, model)
        return
    yield f"{lines[0][0].where}: MeCab doesn't take it: {reason}: choose another tag, such as NNG or NNP"
