"""Kiwi as an engine. The only file that imports kiwipiepy; it is loaded in the forkserver alone."""

import warnings
from collections.abc import Sequence
from typing import Any, cast

import kiwipiepy
import kiwipiepy_model

from nlpbatch.engine.fingerprint import fingerprint
from nlpbatch.engine.protocol import EngineInfo, EngineSpec, Token


class KiwiEngine:
    """One loaded Kiwi without threads of its own, so that the process can fork.

    Loading takes 1.5 to 8 s and 0.5 to 0.8 GB; an analysis about 12 µs a code point.

    Raises:
        ValueError, TypeError: An option that Kiwi doesn't take.

    """

    def __init__(self, spec: EngineSpec) -> None:
        with warnings.catch_warnings():
            # 0 once meant "all cores" and warns ever since; no threads is what a forking process needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._kiwi: Any = kiwipiepy.Kiwi(num_workers=0, model_type=spec.model, **spec.load)
        self._options = dict(spec.options)
        engine = f"kiwipiepy {kiwipiepy.__version__.strip()}"
        model = f"{self._kiwi.model_type} {kiwipiepy_model.__version__.strip()}"
        settings = {"load": dict(spec.load), "options": self._options}
        self.info = EngineInfo(engine, model, fingerprint(engine=engine, model=model, settings=settings))

    def analyze(self, text: str) -> Sequence[Token]:
        """Return Kiwi's tokens of one text."""
        return cast("Sequence[Token]", self._kiwi.tokenize(text, **self._options))
