"""Which version of an analyzer all rows of an output get, and how large requests to it may be."""

from dataclasses import dataclass, replace

from nlpbatch.client.sync import Client
from nlpbatch.errors import FingerprintMismatch, UnknownAnalyzer
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import Options
from nlpbatch.wire.options.offered import resolve


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
    info = choose(catalogue, asked, client.service)
    if fingerprint is not None and fingerprint != info.fingerprint:
        info = _earlier(client, info, asked, fingerprint)
    return Pinned(info, catalogue.limits)


def choose(catalogue: Catalogue, asked: Options, service: str) -> AnalyzerInfo:
    """Return the analyzer that the options name.

    Raises:
        UnknownAnalyzer, UnknownField, InvalidOption: The service doesn't offer it.

    """
    info = catalogue.get(asked.analyzer)
    if info is None:
        known = ", ".join(other.name for other in catalogue.analyzers)
        raise UnknownAnalyzer(
            f"{service} has no analyzer {asked.analyzer!r}: choose from {known}", analyzer=asked.analyzer
        )
    resolve(asked, info)
    return info


def _earlier(client: Client, info: AnalyzerInfo, asked: Options, fingerprint: str) -> AnalyzerInfo:
    """Return the analyzer in an earlier version, if a backend still answers for it.

    What an earlier version offers isn't stated; its operations and their types are taken to be the same.
    """
    try:
        if asked.operation == "call":
            client.call("", analyzer=info.name, operation=asked.called or None, if_match=fingerprint)
        else:
            client.analyze("", analyzer=info.name, if_match=fingerprint)
    except FingerprintMismatch as error:
        raise FingerprintMismatch(
            f"analyzer {info.name!r} has fingerprint {info.fingerprint} now, and {fingerprint} is gone"
        ) from error
    return replace(info, fingerprint=fingerprint)
