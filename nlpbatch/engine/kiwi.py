"""Kiwi as an engine. The only file that imports kiwipiepy; it is loaded in the forkserver alone."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import or_
from typing import Any, Final, cast

import kiwipiepy
import kiwipiepy_model
from kiwipiepy.utils import Stopwords

from nlpbatch.engine.dictionary import add
from nlpbatch.engine.fingerprint import fingerprint
from nlpbatch.engine.protocol import EngineInfo, EngineSpec, Token
from nlpbatch.wire.options import MATCH_OPTIONS
from nlpbatch.wire.tags import split_morpheme

_MATCH: Final = {name: int(kiwipiepy.Match[name.upper()]) for name in MATCH_OPTIONS}


class KiwiEngine:
    """One loaded Kiwi without threads of its own, so that the process can fork.

    Loading takes 1.5 to 8 s and 0.5 to 0.8 GB; an analysis about 12 µs a code point.

    Raises:
        ValueError, TypeError: An option that Kiwi doesn't take.
        ConfigError: A word of the dictionary that it doesn't take.

    """

    def __init__(self, spec: EngineSpec) -> None:
        with warnings.catch_warnings():
            # 0 once meant "all cores" and warns ever since; no threads is what a forking process needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._kiwi: Any = kiwipiepy.Kiwi(num_workers=0, model_type=spec.model, **spec.load)
        self._options = dict(spec.options)
        self._stopwords = Stopwords()
        engine = f"kiwipiepy {kiwipiepy.__version__.strip()}"
        model = f"{self._kiwi.model_type} {kiwipiepy_model.__version__.strip()}"
        add(self._kiwi, list(spec.dictionary))
        words = [(entry.kind, entry.values) for entry in spec.dictionary]
        settings = {"load": dict(spec.load), "options": self._options} | ({"dictionary": words} if words else {})
        self.info = EngineInfo(engine, model, fingerprint(engine=engine, model=model, settings=settings))

    def tokenizer(self, options: Mapping[str, Any]) -> Callable[[str], Sequence[Token]]:
        """Return what returns Kiwi's tokens of a text."""
        return cast("Callable[[str], Sequence[Token]]", partial(self._kiwi.tokenize, **self._with(options)))

    def candidates(self, text: str, top_n: int, options: Mapping[str, Any]) -> Sequence[tuple[Sequence[Token], float]]:
        """Return Kiwi's best readings of a text."""
        found = self._kiwi.analyze(text, top_n=top_n, **self._with(options))
        return cast("Sequence[tuple[Sequence[Token], float]]", found)

    def space(self, text: str, *, reset: bool) -> str:
        """Return the text with its blanks as Kiwi puts them."""
        return str(self._kiwi.space(text, reset_whitespace=reset))

    def is_stopword(self, token: Token) -> bool:
        """Return whether Kiwi's list of stop words has it."""
        return (token.form, token.tag) in self._stopwords

    def _with(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call; a blocked morpheme is `form`, or `form/TAG`."""
        arguments: dict[str, Any] = {**self._options, **options}
        blocked = arguments.get("blocklist")
        if blocked:
            pairs = [(form, tag or "") for form, tag in map(split_morpheme, blocked)]
            arguments["blocklist"] = kiwipiepy.MorphemeSet(self._kiwi, pairs)
        if "match_options" in arguments:
            arguments["match_options"] = reduce(or_, map(_MATCH.__getitem__, arguments["match_options"]), 0)
        return arguments
