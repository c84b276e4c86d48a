"""Kiwi as an engine. The only file that imports kiwipiepy; it is loaded in the forkserver alone."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, reduce
from operator import or_
from typing import Any, Final, cast

import kiwipiepy
import kiwipiepy_model
from kiwipiepy.const import Match
from kiwipiepy.utils import Stopwords

from nlpbatch.engine.dictionary import add
from nlpbatch.engine.fingerprint import fingerprint
from nlpbatch.engine.operations import OPERATIONS_OF_TEXT_ENGINES, Perform, performer
from nlpbatch.engine.protocol import EngineInfo, EngineSpec, EngineToken, Tokenize
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.options import MATCH_OPTIONS, NO_TYPOS, STANDARD_DIALECT, TYPOS, Options
from nlpbatch.wire.options.offered import ENABLED_DIALECTS
from nlpbatch.wire.tags import KIWI, split_morpheme

_SHORT: Final = "가"
_MATCH: Final = {name: int(kiwipiepy.Match[name.upper()]) for name in MATCH_OPTIONS}


class _Direct(kiwipiepy.Kiwi.__base__):  # type: ignore[misc]  # the class in C has no types
    """Notes what Kiwi hands to its class in C, so that calls with the same options can go there at once.

    `Kiwi.tokenize` turns 18 arguments into others, the same for every text. That takes 2 µs by itself, and more after
    an analysis, which has pushed its code out of the processor's caches.
    """

    _calls: list[tuple[Any, ...]] | None = None

    def analyze(self, *arguments: Any) -> Any:
        """Note the arguments while they are being looked for; else analyse."""
        if self._calls is None:
            return super().analyze(*arguments)
        self._calls.append(arguments)
        return [([], 0.0)]

    def arguments_for(self, options: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return what follows the text in a call with these options; None if this version of Kiwi works otherwise."""
        self._calls = []
        try:
            cast("Any", self).tokenize(_SHORT, **options)
            calls = self._calls
        finally:
            self._calls = None
        return calls[0][1:] if len(calls) == 1 and calls[0][:1] == (_SHORT,) else None

    @property
    def direct(self) -> Callable[..., Any]:
        """Return the call into C."""
        return cast("Callable[..., Any]", super().analyze)


class _Kiwi(kiwipiepy.Kiwi, _Direct):  # type: ignore[misc]  # kiwipiepy has no types
    """Kiwi, with a way past its own handling of arguments."""


class KiwiEngine:
    """One loaded Kiwi without threads of its own, so that the process can fork.

    Loading takes 1.5 to 8 s and 0.5 to 0.8 GB; an analysis about 12 µs a code point.

    Raises:
        ValueError, TypeError: An option that Kiwi doesn't take.
        ConfigError: A word of the dictionary that it doesn't take.

    """

    def __init__(self, spec: EngineSpec) -> None:
        with warnings.catch_warnings():
            # No threads, because this process forks; 0 used to mean "all cores" and now warns.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._kiwi: Any = _Kiwi(num_workers=0, **_load_arguments(spec.load))
        self._options = dict(spec.options)
        self._stopwords = Stopwords()
        engine = f"kiwipiepy {kiwipiepy.__version__.strip()}"
        model = f"{self._kiwi.model_type} {kiwipiepy_model.__version__.strip()}"
        add(self._kiwi, list(spec.dictionary))
        words = [(entry.kind, entry.values) for entry in spec.dictionary]
        load = {name: value for name, value in spec.load.items() if name != "model"}  # `model` above says more
        settings = {"load": load, "options": self._options} | ({"dictionary": words} if words else {})
        self.info = EngineInfo(
            engine,
            model,
            fingerprint(engine=engine, model=model, settings=settings),
            OPERATIONS_OF_TEXT_ENGINES,
            options={**load, **self._options, "dictionary_entries": len(words)},
            fields=KIWI_FIELDS,
            tagset=KIWI,
        )
        for typos in TYPOS:
            # Kiwi prepares a set of typos on its first use: here, once, in memory that all workers share.
            self._kiwi.tokenize(_SHORT, typos=typos)

    def performer(self, options: Options) -> Perform:
        """Return the function that performs an operation on a document's content."""
        return performer(self, options)

    def tokenizer(self, options: Mapping[str, Any]) -> Tokenize:
        """Return a function that returns Kiwi's tokens of a text."""
        options = self._with(options)
        whole = partial(self._kiwi.tokenize, **options)
        arguments = self._kiwi.arguments_for(options)
        if arguments is None:
            return cast("Tokenize", whole)
        analyze = self._kiwi.direct

        def tokenize(text: str, *, pretokenized: Sequence[Any] | None = None) -> Sequence[EngineToken]:
            if pretokenized:
                return cast("Sequence[EngineToken]", whole(text, pretokenized=pretokenized))
            return cast("Sequence[EngineToken]", analyze(text, *arguments)[0][0])

        return tokenize

    def candidates(
        self, text: str, top_n: int, options: Mapping[str, Any], pretokenized: Sequence[Any] | None = None
    ) -> Sequence[tuple[Sequence[EngineToken], float]]:
        """Return Kiwi's n best analyses of a text."""
        found = self._kiwi.analyze(text, top_n=top_n, pretokenized=pretokenized, **self._with(options))
        return cast("Sequence[tuple[Sequence[EngineToken], float]]", found)

    def space(self, text: str, *, reset: bool) -> str:
        """Return the text with its spacing corrected by Kiwi."""
        return str(self._kiwi.space(text, reset_whitespace=reset))

    def join(self, morphemes: Sequence[tuple[Any, ...]], *, lm_search: bool) -> tuple[str, Sequence[tuple[int, int]]]:
        """Return the text that Kiwi joins from morphemes, and the position of each in it."""
        if not morphemes:
            return "", []
        text, positions = self._kiwi.join(morphemes, lm_search, return_positions=True)
        return str(text), positions

    def score(self, text: str) -> float:
        """Return the score of a text's best analysis, with the options of `Kiwi.glue`: those of its base class."""
        base: Any = super(kiwipiepy.Kiwi, self._kiwi)
        config = self._kiwi.global_config
        found = base.analyze(text, 1, Match.ALL, False, None, False, 0, 0.0, None, 0.0, None, config)
        return float(found[0][1])

    def is_stopword(self, token: EngineToken) -> bool:
        """Return whether Kiwi's list of stop words contains the token."""
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
        if arguments.get("typos") == NO_TYPOS:
            arguments["typos"] = None
        if "allowed_dialects" in arguments:
            arguments["allowed_dialects"] = _dialects(arguments["allowed_dialects"])
        return arguments


def _load_arguments(load: Mapping[str, Any]) -> dict[str, Any]:
    arguments = {"model_type" if name == "model" else name: value for name, value in load.items()}
    if ENABLED_DIALECTS in load:
        arguments[ENABLED_DIALECTS] = _dialects(load[ENABLED_DIALECTS])
    return arguments


def _dialects(names: Iterable[str]) -> str:
    """Return dialects as Kiwi takes them; none is the standard language alone."""
    return ",".join(names) or STANDARD_DIALECT
