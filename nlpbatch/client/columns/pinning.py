"""Which version of an analyzer all rows of an output get, and how large requests to it may be."""

from dataclasses import dataclass, replace

from nlpbatch.client.sync import Client
from nlpbatch.errors import FingerprintMismatch, UnknownAnalyzer
from nlpbatch.wire import media
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue, OfferedOperation
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import Options
from nlpbatch.wire.options.offered import called_operation, resolve


@dataclass(frozen=True, slots=True)
class Pinned:
    """An analyzer in one version, and how large requests to it may be."""

    info: AnalyzerInfo
    limits: SizeLimits


def pin_with(client: Client, asked: Options, fingerprint: str | None = None) -> Pinned:
    """Return the analyzer that the options name, in the version that the service has now, or in the one asked for.

    Args:
        client: Calls the service.
        asked: What is asked of each text.
        fingerprint: The version that it must be; the service may have a newer one beside it.

    Raises:
        FingerprintMismatch: No backend has that version any more.
        UnknownAnalyzer, UnknownField, InvalidOption: The service doesn't offer it.
        Unauthenticated, PatienceExhausted: The key is wrong, or the service is away.

    """
    catalogue = client.analyzers()
    info = _named(catalogue, asked, client.service)
    if fingerprint is None or fingerprint == info.fingerprint:
        resolve(asked, info)
    else:
        info = _earlier(client, info, asked, fingerprint)
    return Pinned(info, catalogue.limits)


def choose(catalogue: Catalogue, asked: Options, service: str) -> AnalyzerInfo:
    """Return the analyzer that the options name.

    Raises:
        UnknownAnalyzer, UnknownField, InvalidOption: The service doesn't offer it.

    """
    info = _named(catalogue, asked, service)
    resolve(asked, info)
    return info


def _named(catalogue: Catalogue, asked: Options, service: str) -> AnalyzerInfo:
    info = catalogue.get(asked.analyzer)
    if info is None:
        known = ", ".join(other.name for other in catalogue.analyzers)
        raise UnknownAnalyzer(
            f"{service} has no analyzer {asked.analyzer!r}: choose from {known}", analyzer=asked.analyzer
        )
    return info


def _earlier(client: Client, info: AnalyzerInfo, asked: Options, fingerprint: str) -> AnalyzerInfo:
    """Return the analyzer in an earlier version, if a backend still answers for it.

    The catalogue states what the newest version offers. Of what is called, the earlier version's answer has the type;
    otherwise, what it offers is taken to be the same.
    """
    try:
        if asked.operation == "call":
            return replace(info, fingerprint=fingerprint, operations=_called_earlier(client, info, asked, fingerprint))
        resolve(asked, info)
        client.analyze("", analyzer=info.name, if_match=fingerprint)
    except FingerprintMismatch as error:
        raise FingerprintMismatch(
            f"analyzer {info.name!r} has fingerprint {info.fingerprint} now, and {fingerprint} is gone"
        ) from error
    return replace(info, fingerprint=fingerprint)


def _called_earlier(
    client: Client, info: AnalyzerInfo, asked: Options, fingerprint: str
) -> tuple[OfferedOperation, ...]:
    """Return the analyzer's operations with the type that an earlier version gives to what is called.

    Raises:
        UnknownOperation: That version has no such operation; or none is named, and the newest version has several.

    """
    import pyarrow as pa  # noqa: PLC0415  (only those who call need it)

    from nlpbatch.wire.results import type_to_json  # noqa: PLC0415

    name = asked.called or called_operation("", info).name
    answer = client.call_arrow(pa.array([""]), analyzer=info.name, operation=name, if_match=fingerprint)
    earlier = OfferedOperation(name, media.CALL_PATH, "", type_to_json(answer.schema.field("result").type))
    return (*(one for one in info.operations if one.name != name), earlier)
