"""The JSON form of the operations: reading and checking requests, writing requests, reading answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlpbatch.errors import InvalidRequest, UnexpectedAnswer
from nlpbatch.wire.documents import Documents, check_documents, kind_of
from nlpbatch.wire.options import DEFAULT_OPTIONS, DOCUMENT_MEMBERS, Operation, Options
from nlpbatch.wire.outcome import Analysis, Outcome


@dataclass(frozen=True, slots=True)
class JsonRequest:
    """A request as JSON carries it; a text may hold lone surrogates, which cost that document an error.

    Args:
        documents: As `wire.documents` has them, by operation.
        options: Operation and options.
        extra: The extra member of each, such as spans; None without any.

    """

    documents: Documents
    options: Options = DEFAULT_OPTIONS
    extra: Documents | None = None

    def to_json(self) -> bytes:
        """Return the request's body."""
        name, *further = DOCUMENT_MEMBERS[self.options.operation]
        members = {name: self.documents} | self.options.to_members()
        if self.extra is not None:
            members[further[0]] = self.extra
        try:
            # Bytes are the cost of a request, and Hangul in UTF-8 takes half the bytes of escapes.
            return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            # Escapes carry lone surrogates, which UTF-8 can't.
            return json.dumps(members, separators=(",", ":")).encode()


def parse_request(body: bytes, operation: Operation = "analyze") -> JsonRequest:
    """Return the request in a JSON body.

    Raises:
        InvalidRequest: Not JSON, or a member is missing, unknown or of the wrong type; `path` is a JSON pointer to it.
        InvalidOption: The engine doesn't take the value of an option.
        UnknownField: A field that isn't offered.

    """
    members = _object(body)
    carried = {name: members.pop(name) for name in DOCUMENT_MEMBERS[operation] if name in members}
    options = Options.from_members(members, operation)
    documents, extra = check_documents(operation, carried)
    return JsonRequest(documents, options, extra)


def parse_answer(body: bytes, *, documents: int, columns: Sequence[str] = ("tokens",)) -> Analysis:
    """Return the analysis in a JSON answer.

    Raises:
        UnexpectedAnswer: Not the JSON that was requested, or another number of outcomes.

    """
    try:
        members = json.loads(body)
        analysis = Analysis(
            members["analyzer"],
            members["fingerprint"],
            tuple(Outcome.from_json(outcome, columns) for outcome in members["outcomes"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnexpectedAnswer(
            f"the answer of {len(body):,} bytes is not an analysis: check that the address is an nlpbatch service"
        ) from error
    if len(analysis) != documents:
        raise UnexpectedAnswer(
            f"the answer has {len(analysis):,} outcomes for {documents:,} documents: "
            "check the network between client and service"
        )
    return analysis


def _object(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8 at byte {error.start}: send JSON in UTF-8") from None
    except ValueError as error:
        raise InvalidRequest("the body has a number of over 4,300 digits: send texts as strings") from error
    except RecursionError as error:
        raise InvalidRequest('the body is nested too deeply: send {"texts": [...]}') from error
    if not isinstance(members, dict):
        raise InvalidRequest(f'the body is a JSON {kind_of(members)}: send an object, {{"texts": ["…", …]}}', path="")
    return members
