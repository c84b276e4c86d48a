"""An engine whose answers are easy to foresee: one token per blank-separated word."""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpbatch.engine.operations import OPERATIONS_OF_TEXT_ENGINES, Perform, performer
from nlpbatch.engine.protocol import EngineInfo, Tokenize
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.options import Options


@dataclass
class WordToken:
    """A token with every field that is offered."""

    form: str
    start: int
    tag: str = "NNG"
    score: float = -1.5
    oov: bool = False
    typo_cost: float = 0.0
    script: str | None = None
    sent_position: int = 0
    sub_sent_position: int = 0
    word_position: int = 0
    line_number: int = 0
    sense: int = 0
    paired_token: int = -1
    id: int = 7
    base_id: int = 7
    dialect: int = 0

    @property
    def end(self) -> int:
        return self.start + len(self.form)

    @property
    def len(self) -> int:
        return len(self.form)

    @property
    def lemma(self) -> str:
        return self.form

    base_form = raw_form = lemma


class WordEngine:
    """Raises for a text that holds `raises`."""

    info = EngineInfo("words 1", "none 1", "f" * 32, OPERATIONS_OF_TEXT_ENGINES, fields=KIWI_FIELDS, tagset="kiwi")

    def __init__(self, raises: str = "\0") -> None:
        self._raises = raises

    def performer(self, options: Options) -> Perform:
        return performer(self, options)

    def tokenizer(self, _: Mapping[str, Any]) -> Tokenize:
        return self.tokens

    def candidates(
        self, text: str, top_n: int, _: Mapping[str, Any], __: object = None
    ) -> list[tuple[list[WordToken], float]]:
        return [(self.tokens(text), -float(rank)) for rank in range(min(top_n, 2))]

    def space(self, text: str, *, reset: bool) -> str:
        return "" if reset else text

    def join(self, morphemes: Sequence[tuple[Any, ...]], *, lm_search: bool) -> tuple[str, list[tuple[int, int]]]:  # noqa: ARG002
        text, positions = "", []
        for form, *_ in morphemes:
            positions.append((len(text), len(text) + len(form)))
            text += form
        return text, positions

    def score(self, text: str) -> float:
        return float(" " in text)

    def is_stopword(self, token: WordToken) -> bool:
        return token.form == "는"

    def tokens(self, text: str, *, pretokenized: object = None) -> list[WordToken]:  # noqa: ARG002
        if self._raises in text:
            raise RuntimeError(f"can't take {text}")
        tokens, start = [], 0
        for word in text.split(" "):
            if word:
                tokens.append(WordToken(word, start))
            start += len(word) + 1
        return tokens


class ObedientEngine(WordEngine):
    """Follows the commands in a text before it answers, in the order of the words.

    `!die` kills the process, `!crash` aborts it, `!wait=PATH` waits for a file, `!sign=PATH` adds the text's first
    word to a file, `!grow=N` takes N MiB and keeps them, `!hold=N` takes them and waits to be killed.

    It also follows the commands in a blocklist before the first document: `!die`, `!crash`, `!hang`, `!refuse` (raises
    ValueError) and `!fail` (raises RuntimeError).
    """

    def __init__(self) -> None:
        super().__init__()
        self._taken: list[bytearray] = []

    def tokenizer(self, options: Mapping[str, Any]) -> Tokenize:
        for command in options.get("blocklist", ()):
            if command in {"!die", "!crash"}:
                self.tokens(command)
            elif command == "!hang":
                time.sleep(60)
            elif command == "!refuse":
                raise ValueError("no such word: \ud83d")
            elif command == "!fail":
                raise RuntimeError("비밀")
        return super().tokenizer(options)

    def tokens(self, text: str, *, pretokenized: object = None) -> list[WordToken]:  # noqa: ARG002
        for word in text.split():
            command, _, argument = word.partition("=")
            if command == "!die":
                os.kill(os.getpid(), signal.SIGKILL)
            elif command == "!crash":
                os.abort()
            elif command == "!wait":
                _wait_for(Path(argument))
            elif command in {"!grow", "!hold"}:
                self._taken.append(bytearray(os.urandom(1 << 20)) * int(argument))
                if command == "!hold":
                    time.sleep(60)
            elif command == "!sign":
                with Path(argument).open("a", encoding="utf-8") as file:
                    file.write(text.split(maxsplit=1)[0] + "\n")
        return super().tokens(text)


def _wait_for(file: Path) -> None:
    deadline_s = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline_s:
        time.sleep(0.002)
