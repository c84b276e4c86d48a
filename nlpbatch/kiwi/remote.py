"""Sends texts of the drop-in Kiwi to the service: one text at once, several as the caller reads their tokens."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from nlpbatch.client.sync import Client
from nlpbatch.errors import ConfigError
from nlpbatch.kiwi.refusals import Refused, as_kiwi_refuses, text_failed
from nlpbatch.kiwi.tokens import FIELDS, Token
from nlpbatch.wire.options import Operation
from nlpbatch.wire.outcome import Outcome

Ranked = list[tuple[list[Token], float]]


def connect(service: str | Sequence[str] | None, api_key: str | None, settings: Mapping[str, Any]) -> Client:
    """Return a client of the service that the arguments or the environment name.

    Raises:
        ConfigError: They name none.

    """
    service = service or os.environ.get("NLPBATCH_SERVICE")
    if not service:
        raise ConfigError(
            "no service to ask: give Kiwi(service='http://HOST:PORT') or set NLPBATCH_SERVICE", option="service"
        )
    return Client(service, api_key=api_key or os.environ.get("NLPBATCH_API_KEY") or None, **settings)


def check_texts(text: Any) -> None:
    """Check that something is a string or an iterable, as kiwipiepy does before it takes any.

    Raises:
        Refused: It is neither.

    """
    if isinstance(text, bytes | bytearray) or not isinstance(text, Iterable):
        raise Refused(f"text is a {type(text).__name__}: give a `str` or an iterable of `str`")


class Remote:
    """One analyzer of one service.

    Args:
        client: Client of the service.
        analyzer: One of its analyzers.

    """

    def __init__(self, client: Client, analyzer: str) -> None:
        self.client = client
        self._analyzer = analyzer

    def one(self, operation: Operation, document: Any, options: Mapping[str, Any]) -> Outcome:
        """Return the outcome of a document.

        Raises:
            TextFailed: The text has an error.
            Refused: The service doesn't take an option.
            ServiceError: It doesn't answer.

        """
        with as_kiwi_refuses():
            (outcome,) = self._ask(operation, [document], options)
        return _checked(outcome, 0)

    def each(
        self,
        operation: Operation,
        texts: Iterable[str],
        options: Mapping[str, Any],
        spans_of: Callable[[str], Any] | None = None,
    ) -> Iterator[tuple[str, Outcome]]:
        """Yield each text with its outcome, in order; several requests are under way at a time.

        `spans_of` returns the spans of a text whose analysis is given.

        Raises the errors of `one`, and Refused at the place of something that is no string.
        """
        pending: deque[str] = deque()
        spans: deque[Any] = deque()

        def sent() -> Iterator[str]:
            for position, text in enumerate(texts):
                if not isinstance(text, str):
                    raise Refused(f"text {position} is a {type(text).__name__}: give an iterable of `str`")
                pending.append(text)
                if spans_of is not None:
                    spans.append(spans_of(text))
                yield text

        def belonging() -> Iterator[Any]:
            while spans:  # taken after each text
                yield spans.popleft()

        beside = {} if spans_of is None else {"pretokenized": belonging()}
        with as_kiwi_refuses(), self._ask(operation, sent(), {**options, **beside}) as outcomes:
            for position, outcome in enumerate(outcomes):
                yield pending.popleft(), _checked(outcome, position)

    def _ask(self, operation: Operation, texts: Any, options: Mapping[str, Any]) -> Any:
        fields = {"fields": FIELDS} if operation == "analyze" else {}
        return getattr(self.client, operation)(texts, analyzer=self._analyzer, **fields, **options)


def tokens_of(outcome: Outcome) -> list[Token]:
    """Return the tokens of an outcome as kiwipiepy has them."""
    return [Token(token.as_dict()) for token in outcome.tokens or ()]


def ranked_of(outcome: Outcome) -> Ranked:
    """Return the candidates of an outcome as kiwipiepy has them."""
    return [
        ([Token(token.as_dict()) for token in candidate.tokens], candidate.score)
        for candidate in outcome.candidates or ()
    ]


def _checked(outcome: Outcome, position: int) -> Outcome:
    if outcome.error is not None:
        raise text_failed(outcome.error, position)
    return outcome
