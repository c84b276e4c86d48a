"""The errors of the drop-in Kiwi: this product's errors that are also of the types that kiwipiepy raises."""

from collections.abc import Iterator
from contextlib import contextmanager

from nlpbatch.errors import (
    ConfigError,
    InvalidOption,
    InvalidRequest,
    NlpbatchError,
    UnknownAnalyzer,
    UnknownField,
    UnknownOperation,
)
from nlpbatch.wire.outcome import DocumentError


class Refused(InvalidRequest, ValueError):
    """An argument that Kiwi, or the service, doesn't take."""


class NotRemote(ConfigError, NotImplementedError):
    """Something that changes Kiwi, or looks into it: it can't be done over the service; the message has the remedy."""


class TextFailed(NlpbatchError, ValueError):
    """A text has an error of its own, such as one that isn't Unicode; `details["code"]` says which."""

    code = "text_failed"


def text_failed(error: DocumentError, position: int) -> TextFailed:
    """Return the error of a text, which kiwipiepy would have raised, or died of."""
    return TextFailed(f"text {position} has the error {error.code}: {error.message}", code=error.code, text=position)


@contextmanager
def as_kiwi_refuses() -> Iterator[None]:
    """Raise a refusal of the service as a ValueError, as kiwipiepy does."""
    try:
        yield
    except Refused:
        raise
    except (InvalidRequest, InvalidOption, UnknownField, UnknownAnalyzer, UnknownOperation) as error:
        raise Refused(error.message, request_id=error.request_id, **error.details) from error
