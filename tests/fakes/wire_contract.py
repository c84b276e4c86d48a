"""The whole HTTP contract as data, and how it differs from its record.

`python -m tests.fakes.wire_contract` writes the record; see docs/wire-contract.md for when that is right.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlpbatch.errors import NlpbatchError
from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.wire import media
from nlpbatch.wire.arrow import DOCUMENT_COLUMNS, answer_schema, document_type
from nlpbatch.wire.contract import CONTRACT_VERSION, MAJOR
from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import OPERATIONS, Options
from nlpbatch.wire.outcome import DOCUMENT_CODES
from nlpbatch.wire.problem import STATUS_BY_ERROR, to_problem

RECORD = Path(__file__).parents[1] / "unit" / "wire" / "contract" / f"v{MAJOR}.json"
_PROSE = {"description", "summary", "title", "example", "examples"}
_ASKED = {
    "analyze": ({"fields": list(TOKEN_FIELDS)}, {"top_n": 2}, {"sentences": True}),
    "sentences": ({}, {"return_tokens": True}),
    "space": ({},),
    "join": ({}, {"return_positions": True}),
    "glue": ({}, {"return_space_insertions": True}),
}


def contract_today() -> dict[str, Any]:
    """Return what the code says now: OpenAPI without its prose, Arrow schemas, errors, headers and paths."""
    described = _without_prose(openapi_document(SizeLimits()))
    del described["info"]
    return {
        "contract": CONTRACT_VERSION,
        "openapi": described,
        "arrow": {
            "requests": {
                operation: [f"{name}: {document_type(name)}" for name in DOCUMENT_COLUMNS[operation]]
                for operation in OPERATIONS
            },
            "answers": {
                f"{operation} {json.dumps(members)}": _schema(Options.from_members(members, operation))
                for operation, asked in _ASKED.items()
                for members in asked
            },
        },
        "errors": {cls.code: [status, cls.retryable] for cls, status in STATUS_BY_ERROR.items()},
        "problem": to_problem(NlpbatchError("…", retry_after_s=1.5, request_id="r", path="/texts/0")),
        "document_errors": sorted(DOCUMENT_CODES),
        "headers": {name: value for name, value in vars(media).items() if name.isupper() and isinstance(value, str)},
    }


def read_record() -> dict[str, Any]:
    """Return what was recorded."""
    return json.loads(RECORD.read_text())


def differences(recorded: dict[str, Any], today: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return what is in the record and no longer true, and what is true and not in the record."""
    before, after = set(_leaves(recorded)), set(_leaves(today))
    return sorted(before - after), sorted(after - before)


def _schema(options: Options) -> list[str]:
    return [f"{field.name}: {field.type}" for field in answer_schema(options)]


def _without_prose(value: Any, *, named: bool = False) -> Any:
    """Leave out what is for people; `named` says that a mapping's keys are names of the contract, not of OpenAPI."""
    if isinstance(value, list):
        return [_without_prose(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_prose(one, named=not named and key in {"properties", "schemas", "headers", "responses"})
        for key, one in value.items()
        if named or key not in _PROSE
    }


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """Yield a line for each value; the entries of a list count, and not their order, save that of Arrow's columns."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from _leaves(one, f"{path}/{key}")
    elif isinstance(value, list) and value and not path.startswith(("/arrow", "/errors")):
        for one in value:
            yield f"{path}[] = {json.dumps(one, ensure_ascii=False, sort_keys=True)}"
    else:
        yield f"{path} = {json.dumps(value, ensure_ascii=False, sort_keys=True)}"


if __name__ == "__main__":
    RECORD.write_text(json.dumps(contract_today(), ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    print(f"{RECORD.name}: version {CONTRACT_VERSION}")
