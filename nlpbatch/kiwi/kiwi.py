"""Kiwi over the service, with kiwipiepy's signatures."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from nlpbatch.kiwi.arguments import DEFAULTS, to_dialect, to_options
from nlpbatch.kiwi.composing import Composing
from nlpbatch.kiwi.flags import Dialect, Match
from nlpbatch.kiwi.morphemes import MorphemeSet
from nlpbatch.kiwi.pretokenized import spans_of
from nlpbatch.kiwi.refusals import NotRemote, Refused
from nlpbatch.kiwi.refused_methods import RefusedMethods
from nlpbatch.kiwi.remote import Ranked, Remote, check_texts, connect, ranked_of, tokens_of
from nlpbatch.kiwi.sentences import Sentence, SplitForm, by_sentence, to_forms, to_sentences
from nlpbatch.kiwi.settings import REMEDY, KiwiConfig, ServedConfig
from nlpbatch.kiwi.stopwords import Stopwords
from nlpbatch.kiwi.tokens import Token
from nlpbatch.older_python import Self
from nlpbatch.wire.options import DEFAULT_ANALYZER
from nlpbatch.wire.outcome import Outcome

T = TypeVar("T")
_LOADED: Final = ("integrate_allomorph", "load_default_dict", "load_typo_dict", "load_multi_dict")


class Kiwi(Composing, RefusedMethods):
    """`kiwipiepy.Kiwi` over a service: sends texts and receives tokens.

    The arguments up to `enabled_dialects` are kiwipiepy's. Those that determine the engine are compared with
    the service's analyzer if they are given. `num_workers` has no effect: the service has workers of its own.

    Args:
        service: Address of the proxy, or several as `nlpbatch.Client` takes them; else from NLPBATCH_SERVICE.
        api_key: The key; else from NLPBATCH_API_KEY.
        analyzer: One of the service's analyzers.
        client: Further arguments of `nlpbatch.Client`, such as retry, job, priority.

    Raises:
        ConfigError: No service is named, or an argument can't be used.
        NotRemote: The analyzer has other settings than those requested.

    """

    def __init__(
        self,
        num_workers: int | None = None,
        model_path: str | None = None,
        integrate_allomorph: bool | None = None,
        load_default_dict: bool | None = None,
        load_typo_dict: bool | None = None,
        load_multi_dict: bool | None = None,
        model_type: str | None = None,
        typos: Any = None,
        typo_cost_threshold: float = 2.5,
        enabled_dialects: Dialect | str | None = Dialect.STANDARD,
        *,
        service: str | Sequence[str] | None = None,
        api_key: str | None = None,
        analyzer: str = DEFAULT_ANALYZER,
        **client: Any,
    ) -> None:
        if model_path is not None:
            raise NotRemote(f"model_path is given: {REMEDY}")
        if typos is not None or typo_cost_threshold != DEFAULTS["typo_cost_threshold"]:
            warnings.warn(
                "typos and typo_cost_threshold are ignored here, as in kiwipiepy: give them to tokenize and analyze",
                DeprecationWarning,
                stacklevel=2,
            )
        to_dialect(enabled_dialects)
        self._made_with = {"service": service, "api_key": api_key, "analyzer": analyzer, **client}
        self._num_workers = num_workers
        self._analyzer = analyzer
        super().__init__(Remote(connect(service, api_key, client), analyzer))
        self._config = ServedConfig()
        given = (integrate_allomorph, load_default_dict, load_typo_dict, load_multi_dict)
        wanted = {name: value for name, value in zip(_LOADED, given, strict=True) if value is not None}
        if wanted or model_type not in {None, "none"}:
            self._check_loaded(wanted, model_type)

    def tokenize(
        self,
        text: str | Iterable[str],
        match_options: int = Match.ALL,
        normalize_coda: bool = False,
        z_coda: bool = True,
        split_complex: bool = False,
        compatible_jamo: bool = False,
        saisiot: bool | None = None,
        split_sents: bool = False,
        stopwords: Stopwords | None = None,
        echo: bool = False,
        blocklist: MorphemeSet | Iterable[Any] | None = None,
        open_ending: bool = False,
        allowed_dialects: Dialect | str = Dialect.STANDARD,
        dialect_cost: float = 3.0,
        pretokenized: Any = None,
        oov_handling: str | None = None,
        typos: Any = None,
        typo_cost_threshold: float = 2.5,
        override_config: KiwiConfig | None = None,
    ) -> Any:
        """Return the tokens of a text; of an iterable, an iterator of each text's tokens.

        With `split_sents` a list for each sentence; with `echo`, each text's tokens together with the text.
        """
        given = _common(locals())
        keep = _keeps(stopwords)

        def refine(tokens: list[Token]) -> Any:
            return [keep(sentence) for sentence in by_sentence(tokens)] if split_sents else keep(tokens)

        def answer(text: str, outcome: Outcome) -> Any:
            return (refine(tokens_of(outcome)), text) if several and echo else refine(tokens_of(outcome))

        several = not isinstance(text, str)
        return self._analyse(text, to_options(given), pretokenized, answer)

    def analyze(
        self,
        text: str | Iterable[str],
        top_n: int = 1,
        match_options: int = Match.ALL,
        normalize_coda: bool = False,
        z_coda: bool = True,
        split_complex: bool = False,
        compatible_jamo: bool = False,
        saisiot: bool | None = None,
        blocklist: MorphemeSet | Iterable[Any] | None = None,
        open_ending: bool = False,
        allowed_dialects: Dialect | str = Dialect.STANDARD,
        dialect_cost: float = 3.0,
        pretokenized: Any = None,
        oov_handling: str | None = None,
        typos: Any = None,
        typo_cost_threshold: float = 2.5,
        override_config: KiwiConfig | None = None,
    ) -> Any:
        """Return up to `top_n` analyses of a text, at most 10, each with its score; of an iterable, an iterator."""
        options = to_options(_common(locals())) | {"top_n": top_n, "candidates": True}

        def answer(_: str, outcome: Outcome) -> Ranked:
            return ranked_of(outcome)

        return self._analyse(text, options, pretokenized, answer)

    def split_into_sents(
        self,
        text: str | Iterable[str],
        match_options: int = Match.ALL,
        normalize_coda: bool = False,
        z_coda: bool = True,
        split_complex: bool = False,
        compatible_jamo: bool = False,
        saisiot: bool | None = None,
        stopwords: Stopwords | None = None,
        blocklist: MorphemeSet | Iterable[Any] | None = None,
        allowed_dialects: Dialect | str = Dialect.STANDARD,
        dialect_cost: float = 3.0,
        oov_handling: str | None = None,
        typos: Any = None,
        typo_cost_threshold: float = 2.5,
        override_config: KiwiConfig | None = None,
        return_tokens: bool = False,
        return_sub_sents: bool = True,
    ) -> Any:
        """Return the sentences of a text; of an iterable, an iterator of each text's sentences."""
        given = _common(locals())
        keep = _keeps(stopwords) if return_tokens else None

        def answer(text: str, outcome: Outcome) -> list[Sentence]:
            return to_sentences(text, tokens_of(outcome), keep, with_subs=return_sub_sents)

        return self._analyse(text, to_options(given), None, answer)

    def split_into_forms(
        self,
        text: str | Iterable[str],
        match_options: int = Match.ALL,
        normalize_coda: bool = False,
        z_coda: bool = True,
        split_complex: bool = False,
        compatible_jamo: bool = False,
        saisiot: bool | None = None,
        echo: bool = False,
        blocklist: MorphemeSet | Iterable[Any] | None = None,
        open_ending: bool = False,
        allowed_dialects: Dialect | str = Dialect.STANDARD,
        dialect_cost: float = 3.0,
        pretokenized: Any = None,
        oov_handling: str | None = None,
        typos: Any = None,
        typo_cost_threshold: float = 2.5,
        override_config: KiwiConfig | None = None,
    ) -> Any:
        """Return a text in the runs that its tokens cover, as it was written; of an iterable, an iterator."""
        given = _common(locals())

        def answer(text: str, outcome: Outcome) -> list[SplitForm] | tuple[list[SplitForm], str]:
            forms = to_forms(text, tokens_of(outcome))
            return (forms, text) if several and echo else forms

        several = not isinstance(text, str)
        return self._analyse(text, to_options(given), pretokenized, answer)

    @property
    def global_config(self) -> KiwiConfig:
        """Return Kiwi's settings; they can't be changed over the service."""
        return self._config

    @property
    def num_workers(self) -> int:
        """Return the given number; the service has workers of its own."""
        return -1 if self._num_workers is None else self._num_workers

    @property
    def model_type(self) -> str:
        """Return the type of the service's model."""
        return str(self._info().model.split()[0])

    def close(self) -> None:
        """Close all connections to the service."""
        self._remote.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._num_workers, self._made_with)

    def __repr__(self) -> str:
        return f"Kiwi(service={self._remote.client.service!r}, analyzer={self._analyzer!r})"

    def _analyse(
        self,
        text: str | Iterable[str],
        options: dict[str, Any],
        pretokenized: Any,
        answer: Callable[[str, Outcome], T],
    ) -> T | Iterator[T]:
        check_texts(text)
        if isinstance(text, str):
            spans = spans_of(pretokenized, text)
            beside = {} if spans is None else {"pretokenized": [spans]}
            return answer(text, self._remote.one("analyze", text, options | beside))
        if pretokenized and not callable(pretokenized):
            raise Refused("pretokenized is the same for all texts: give a callable if text is an iterable of str")
        of_each = partial(spans_of, pretokenized) if pretokenized else None
        return (answer(one, outcome) for one, outcome in self._remote.each("analyze", text, options, of_each))

    def _info(self) -> Any:
        info = self._remote.client.analyzers().get(self._analyzer)
        if info is None:
            raise Refused(f"the service has no analyzer {self._analyzer!r}: choose one of its analyzers")
        return info

    def _check_loaded(self, wanted: Mapping[str, bool], model_type: str | None) -> None:
        info = self._info()
        for name, value in wanted.items():
            if info.options.get(name, value) != value:
                raise NotRemote(f"{name} is {value}, the analyzer {self._analyzer!r} has another: {REMEDY}")
        if model_type not in {None, "none", info.model.split()[0]}:
            raise NotRemote(f"model_type is {model_type!r}, the analyzer {self._analyzer!r} has {info.model}: {REMEDY}")


def _common(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a method that all analyses share."""
    return {name: given[name] for name in DEFAULTS if name in given}


def _keeps(stopwords: Any) -> Callable[[list[Token]], list[Token]]:
    if stopwords is None:
        return lambda tokens: tokens
    if not callable(getattr(stopwords, "filter", None)):
        raise Refused(f"stopwords is a {type(stopwords).__name__}: give Stopwords")
    return lambda tokens: list(stopwords.filter(tokens))


def _rebuild(num_workers: int | None, made_with: Mapping[str, Any]) -> Kiwi:
    return Kiwi(num_workers, **made_with)
