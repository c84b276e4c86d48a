"""MeCab-ko as an engine. The only file that imports mecab; it is loaded in the forkserver alone.

`MeCab().parse` makes Python objects of every node and of its features, which takes longer than the analysis: 109 µs a
review of 35 letters, where the analysis takes 44. Here, MeCab writes form and tag of all tokens as one text, whose
format is chosen by the fields that are requested, and the places follow from the forms: between two tokens there are
only blanks. The tokens are those of `MeCab().parse`, with two differences: places count from the beginning of the
text, where python-mecab-ko counts from the first token that isn't blank; and a NUL doesn't end the text.
"""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import _mecab
import mecab_ko_dic
from mecab import mecabrc_path

from nlpbatch.engine.fingerprint import fingerprint
from nlpbatch.engine.mecab_words import compile_words
from nlpbatch.engine.operations import OPERATIONS_OF_TEXT_ENGINES, Perform, token_performer
from nlpbatch.engine.packing import InvalidDocument
from nlpbatch.engine.protocol import EngineInfo, EngineSpec, EngineToken, Tokenize
from nlpbatch.wire.fields import DEFAULT_FIELDS, MECAB_FIELDS
from nlpbatch.wire.options import Options
from nlpbatch.wire.tags import MECAB_KO

_PLAIN: Final = r"%m\n%f[0]\n"
"""Form and tag, on a line each: a line end is a blank to MeCab, so that no form has one."""
_WHOLE: Final = r"%m\n%f[0]\n%H\n%s\n"
"""The same with all features, and 1 for an unknown word."""
_PLAIN_FIELDS: Final = frozenset((*DEFAULT_FIELDS, "len"))
_ABSENT: Final = "*"
_DIGEST_LENGTH: Final = 16
_KEPT_FEATURES: Final = 4096
"""Parsed features that a worker keeps: about 2 MB."""


class PlainToken(NamedTuple):
    """A token with the fields that are requested by default."""

    form: str
    tag: str
    start: int
    end: int

    @property
    def len(self) -> int:
        """Return the code points covered."""
        return self.end - self.start


class WholeToken(NamedTuple):
    """A token with every field that the engine offers."""

    form: str
    tag: str
    start: int
    end: int
    oov: bool
    semantic: str | None
    has_jongseong: bool | None
    reading: str | None
    type: str | None
    start_pos: str | None
    end_pos: str | None
    expression: str | None

    @property
    def len(self) -> int:
        """Return the code points covered."""
        return self.end - self.start


@lru_cache(_KEPT_FEATURES)
def _features(text: str) -> tuple[str | bool | None, ...]:
    """Return the features after the tag as a token has them."""
    _, semantic, final, *rest = (None if value == _ABSENT else value for value in text.split(","))
    return (semantic, None if final is None else final == "T", *rest)


class _Tokenizer:
    """A MeCab that writes its tokens in one format."""

    def __init__(self, arguments: Sequence[str], node_format: str) -> None:
        self._parse = _mecab.Tagger([*arguments, "--node-format", node_format, "--eos-format", ""]).parse
        self._tokenize: Callable[[str], list[Any]] = self._plain if node_format == _PLAIN else self._whole

    def tokenizer(self, options: Mapping[str, Any]) -> Tokenize:
        """Return a function that returns MeCab's tokens of a text."""
        if options:
            raise ValueError(f"{', '.join(options)}: MeCab has no such options")
        return self._tokenize_text

    def is_stopword(self, _: EngineToken) -> bool:
        """Return False: MeCab has no list of stop words."""
        return False

    def _tokenize_text(self, text: str, *, pretokenized: Sequence[Any] | None = None) -> Sequence[EngineToken]:
        if pretokenized:
            raise InvalidDocument("MeCab takes no pretokenized spans: leave them out")
        if "\0" not in text:
            return cast("Sequence[EngineToken]", self._tokenize(text))
        # The text ends there for MeCab; another control character, which it handles alike, takes the place.
        found = self._tokenize(text.replace("\0", "\x01"))
        return cast("Sequence[EngineToken]", [one._replace(form=text[one.start : one.end]) for one in found])

    def _plain(self, text: str) -> list[PlainToken]:
        lines = self._parse(text).split("\n")
        find, new, end = text.index, tuple.__new__, 0
        tokens = []
        for form, tag in zip(lines[::2], lines[1::2], strict=False):  # what follows the last line end is dropped
            start = find(form, end)
            end = start + len(form)
            tokens.append(new(PlainToken, (form, tag, start, end)))
        return tokens

    def _whole(self, text: str) -> list[WholeToken]:
        lines = self._parse(text).split("\n")
        find, new, end = text.index, tuple.__new__, 0
        tokens = []
        for form, tag, features, unknown in zip(lines[::4], lines[1::4], lines[2::4], lines[3::4], strict=False):
            start = find(form, end)
            end = start + len(form)
            tokens.append(new(WholeToken, (form, tag, start, end, unknown == "1", *_features(features))))
        return tokens


class MecabEngine:
    """MeCab-ko with mecab-ko-dic, and words of one's own.

    Loading takes 0.2 s, for the hash of the dictionary, whose 110 MB are mapped into memory and shared by all workers.

    Raises:
        ConfigError: A word of the dictionary that it doesn't take.

    """

    def __init__(self, spec: EngineSpec) -> None:
        directory = Path(mecab_ko_dic.dictionary_path)
        arguments = ["--rcfile", str(mecabrc_path), "--dicdir", str(directory)]
        with tempfile.TemporaryDirectory(prefix="nlpbatch-mecab-") as work:
            if spec.dictionary:
                words_file = compile_words(spec.dictionary, directory, Path(work))
                arguments += ["--userdic", f'"{words_file}"']  # a list as CSV has it
            # Both map the file of words into memory, so that it may go.
            self._plain, self._whole = _Tokenizer(arguments, _PLAIN), _Tokenizer(arguments, _WHOLE)
        engine = f"python-mecab-ko {version('python-mecab-ko')}"
        model = f"mecab-ko-dic {version('python-mecab-ko-dic')}"
        words = [(entry.kind, entry.values) for entry in spec.dictionary]
        settings = {"files": _digests(directory)} | ({"dictionary": words} if words else {})
        self.info = EngineInfo(
            engine,
            model,
            fingerprint(engine=engine, model=model, settings=settings),
            OPERATIONS_OF_TEXT_ENGINES[:1],
            options={"dictionary_entries": len(words)},
            fields=MECAB_FIELDS,
            tagset=MECAB_KO,
        )

    def performer(self, options: Options) -> Perform:
        """Return the function that analyses a text, with what the requested fields need."""
        return token_performer(self._plain if _PLAIN_FIELDS.issuperset(options.fields) else self._whole, options)


def _digests(directory: Path) -> dict[str, str]:
    """Return a hash of each file of the dictionary."""
    found = {}
    for path in sorted(path for path in directory.iterdir() if path.is_file()):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_LENGTH]
    return found
