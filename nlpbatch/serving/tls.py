"""TLS for listeners, and for connections to backends."""

import asyncio
import contextlib
import logging
import ssl
from pathlib import Path
from typing import Final

from nlpbatch.errors import ConfigError
from nlpbatch.serving.listen import TlsSettings

_log = logging.getLogger("nlpbatch.serving")
_POLL_S: Final = 5.0


def server_context(settings: TlsSettings | None) -> ssl.SSLContext | None:
    """Return the TLS context of a listener, None for plain HTTP.

    Raises:
        ConfigError: A file is missing, isn't PEM, or the key isn't the certificate's.

    """
    if settings is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_certificate(context, settings)
    return context


def load_certificate(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Let new connections get the certificate that the files have now.

    Raises:
        ConfigError: As for `server_context`; the context keeps its certificate.

    """
    for file in (settings.cert_file, settings.key_file):
        if not Path(file).is_file():
            raise ConfigError(f"tls: {file} is not there: check the path")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.cert_file, settings.key_file)
        context.load_cert_chain(settings.cert_file, settings.key_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"tls: {settings.cert_file} with {settings.key_file} can't be used: not PEM, or the key is not the "
            "certificate's: give a matching pair"
        ) from error


async def keep_current(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Let new connections get a renewed certificate, soon after its files have changed; never returns."""
    seen = _stamps(settings)
    while True:
        await asyncio.sleep(_POLL_S)
        stamps = _stamps(settings)
        if stamps == seen:
            continue
        try:
            load_certificate(context, settings)
        except ConfigError as error:  # half renewed: the other file will follow
            _log.warning("certificate not taken over", extra={"fault": error.message})
            continue
        seen = stamps
        _log.info("certificate taken over", extra={"cert_file": settings.cert_file})


def _stamps(settings: TlsSettings) -> list[tuple[int, int]]:
    """Return a value that changes when the files do."""
    found = []
    for file in (settings.cert_file, settings.key_file):
        with contextlib.suppress(OSError):
            state = Path(file).stat()
            found.append((state.st_mtime_ns, state.st_ino))
    return found


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the context that checks the certificates of https servers.

    Raises:
        ConfigError: The file is missing or has no certificate.

    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"ca_file: {ca_file} can't be read, or has no certificate in PEM: check the path") from error
