"""Checks that an analyzer offers what the options request, as stated on `GET /v1/analyzers`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nlpbatch.errors import InvalidOption, UnknownField, UnknownOperation
from nlpbatch.wire.analyzer import AnalyzerInfo, OfferedOperation
from nlpbatch.wire.options.asked import Options
from nlpbatch.wire.options.table import OPTIONS, STANDARD_DIALECT
from nlpbatch.wire.tags import KIWI, TAGSETS, single_tags, split_stop_word

ENABLED_DIALECTS: Final = "enabled_dialects"
"""Member of an analyzer's options: the dialects that it was loaded with."""

ONLY_KIWI_S: Final = (*(one.name for one in OPTIONS.values() if one.kiwi), "sentences", "candidates", "top_n")
"""Options of operations on tokens that analyzers with another tag set than Kiwi's don't take."""


def resolve(options: Options, info: AnalyzerInfo) -> Options:
    """Return the options as the analyzer performs them: with the operation that is called, and its type.

    Raises:
        UnknownOperation: An operation that it doesn't offer.
        InvalidOption: An option that it would silently ignore, such as a dialect that it was not loaded with.
        UnknownField: A token field that it doesn't offer.

    """
    if options.operation == "call":
        return _called(options, info)
    if info.operations and info.operation(options.operation) is None:
        raise UnknownOperation(
            f"analyzer {info.name!r} doesn't offer {options.operation}: {_choice(info)}", path="/analyzer"
        )
    _check_tokens(options, info)
    _check_dialects(options, info)
    return options


def trials(operations: Sequence[OfferedOperation]) -> list[Options]:
    """Return options that try what an engine offers: the analysis of Kiwi and its like, each function of one's own."""
    own = [Options("call", called=one.name) for one in operations if one.result is not None]
    return [with_result_type(options, operations) for options in own] or [Options()]


def with_result_type(options: Options, operations: Sequence[OfferedOperation]) -> Options:
    """Return the options with the type of what they call, which doesn't travel with a request."""
    if options.operation != "call" or options.result_type is not None:
        return options
    # Only a call has a type, and only those who have pyarrow call.
    from nlpbatch.wire.results import type_from_json  # noqa: PLC0415

    offered = next((one for one in operations if one.name == options.called), None)
    return options if offered is None else replace(options, result_type=type_from_json(offered.result))


def called_operation(called: str, info: AnalyzerInfo) -> OfferedOperation:
    """Return the operation of one's own that is called; '' is the only one.

    Raises:
        UnknownOperation: The analyzer has none of that name, or several and none is named.

    """
    own = {one.name: one for one in info.operations if one.result is not None}
    if not own:
        raise UnknownOperation(f"analyzer {info.name!r} has no operations to call: {_choice(info)}", path="/analyzer")
    if called in own:
        return own[called]
    if not called and len(own) == 1:
        return next(iter(own.values()))
    asked = f"has no operation {called[:80]!r}" if called else f"has {len(own)} operations"
    raise UnknownOperation(f"analyzer {info.name!r} {asked}: choose from {', '.join(own)}", path="/operation")


def _called(options: Options, info: AnalyzerInfo) -> Options:
    operation = called_operation(options.called, info)
    return with_result_type(replace(options, called=operation.name), [operation])


def _choice(info: AnalyzerInfo) -> str:
    if not info.operations:
        return "its service is of an earlier version, which has none"
    paths = ", ".join(f"{one.name} (POST {one.path})" for one in info.operations)
    return f"choose from {paths}, or ask another analyzer of GET /v1/analyzers"


def _check_tokens(options: Options, info: AnalyzerInfo) -> None:
    if options.operation not in {"analyze", "sentences"}:
        return
    missing = [name for name in options.fields if name not in info.fields]
    if missing:
        raise UnknownField(
            f"analyzer {info.name!r} has no token field {missing[0]!r}: choose from {', '.join(info.fields)}",
            field=missing[0],
        )
    _check_tags(options, info)
    if info.tagset == KIWI or not info.operations:  # a service that doesn't say what it offers is Kiwi's
        return
    kiwi_s = [*options.kiwi, *(["stopwords: true"] if options.stopwords is True else ())]
    kiwi_s += [name for name in ("sentences", "candidates") if getattr(options, name)]
    kiwi_s += ["top_n"] if options.top_n > 1 else []
    if kiwi_s:
        raise InvalidOption(
            f"{kiwi_s[0]} is Kiwi's, but analyzer {info.name!r} is {info.engine}: omit it, or ask another analyzer",
            path=f"/{kiwi_s[0].partition(':')[0]}",
        )


def _check_tags(options: Options, info: AnalyzerInfo) -> None:
    known = TAGSETS.get(info.tagset)
    if known is None:
        return  # an engine with tags of its own
    stop_words = options.stopwords if isinstance(options.stopwords, tuple) else ()
    named = [("tags", tag) for tag in options.tags or ()]
    named += [
        ("stopwords", part) for entry in stop_words for part in single_tags(split_stop_word(entry)[1] or known[0])
    ]
    missing = next(((option, tag) for option, tag in named if tag not in known), None)
    if missing is not None:
        option, tag = missing
        raise InvalidOption(
            f"{option} has {tag!r}, but the tokens of analyzer {info.name!r} have tags of {info.tagset}: choose from "
            f"{', '.join(known)}",
            path=f"/{option}",
        )


def _check_dialects(options: Options, info: AnalyzerInfo) -> None:
    enabled = (STANDARD_DIALECT, *(info.options.get(ENABLED_DIALECTS) or ()))
    for position, dialect in enumerate(options.kiwi.get("allowed_dialects") or ()):
        if dialect not in enabled:
            raise InvalidOption(
                f"allowed_dialects[{position}] is {dialect!r}, but analyzer {info.name!r} was loaded with "
                f"{', '.join(enabled)}: choose from these, or set enabled_dialects of the analyzer in the service",
                path=f"/allowed_dialects/{position}",
            )


def spans_refused(info: AnalyzerInfo) -> InvalidOption:
    """Return the error of `pretokenized` for an analyzer whose engine would ignore it."""
    return InvalidOption(
        f"pretokenized is Kiwi's, but analyzer {info.name!r} is {info.engine}: omit it, or ask another analyzer",
        path="/pretokenized",
    )
