"""TLS for listeners, and for connections to backends; both take renewed files over while they run."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

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
    context = _listener_context(settings)
    load_certificate(context, settings)
    return context


def load_certificate(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Let new connections get the certificate that the files have now, and be checked by the authorities in them.

    Raises:
        ConfigError: As for `server_context`; the context keeps what it has.

    """
    fresh = _listener_context(settings)

    def use_fresh(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLSocket) -> None:
        connection.context = fresh

    # Called at the beginning of each handshake, also without a server's name. Authorities can only be added to a
    # context; one that was taken out of the file has to go, so that the context is replaced as a whole.
    replace: Callable[[Any, str | None, Any], None] = use_fresh
    context.sni_callback = replace


def _listener_context(settings: TlsSettings) -> ssl.SSLContext:
    files = (settings.cert_file, settings.key_file, settings.client_ca_file)
    for file in files:
        if file is not None and not Path(file).is_file():
            raise ConfigError(f"tls: {file} is not there: check the path")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"tls: {settings.cert_file} with {settings.key_file} can't be used: not PEM, or the key is not the "
            "certificate's: give a matching pair"
        ) from error
    if settings.client_ca_file is not None:
        try:
            context.load_verify_locations(settings.client_ca_file)
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"tls: client_ca_file {settings.client_ca_file} can't be read, or has no certificate in PEM"
            ) from error
        context.verify_mode = ssl.CERT_REQUIRED
        # A resumed session isn't checked again: it would outlive the authority that let it in. Python can't turn off
        # the cache of sessions that TLS 1.2 has.
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


async def keep_current(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Let new connections get a renewed certificate, soon after its files have changed; never returns."""
    files = (settings.cert_file, settings.key_file, settings.client_ca_file)
    await _renewing(lambda: files, lambda: load_certificate(context, settings))


async def keep_client_current(
    current: Callable[[], tuple[ssl.SSLContext, str | None, str | None]],
) -> None:
    """Let new connections show a renewed certificate, soon after its files have changed; never returns.

    Args:
        current: Returns the context in force, the file of its certificate and that of the key; None for none.

    """

    def load() -> None:
        context, cert_file, key_file = current()
        if cert_file is not None:
            _load_client_certificate(context, cert_file, key_file)

    await _renewing(lambda: current()[1:], load)


@asynccontextmanager
async def client_kept_current(
    context: ssl.SSLContext, cert_file: str | None, key_file: str | None
) -> AsyncIterator[None]:
    """Let new connections show a renewed certificate for the time of the context."""
    renewing = asyncio.create_task(keep_client_current(lambda: (context, cert_file, key_file)), name="certificate")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renewing(files: Callable[[], Iterable[str | None]], load: Callable[[], None]) -> None:
    seen = _stamps(files())
    while True:
        await asyncio.sleep(_POLL_S)
        stamps = _stamps(files())
        if stamps == seen:
            continue
        try:
            load()
        except ConfigError as error:  # half renewed: the other file will follow
            _log.warning("certificate not taken over", extra={"fault": error.message})
            continue
        seen = stamps
        _log.info("certificate taken over", extra={"cert_file": next(iter(files()), None)})


def _stamps(files: Iterable[str | None]) -> list[tuple[int, int]]:
    """Return a value that changes when the files do."""
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            if file is not None:
                state = Path(file).stat()
                found.append((state.st_mtime_ns, state.st_ino))
    return found


def client_context(ca_file: str | None, cert_file: str | None = None, key_file: str | None = None) -> ssl.SSLContext:
    """Return the context that checks the certificates of https servers, and shows them one if there is one.

    Raises:
        ConfigError: A file is missing or isn't PEM, or the key isn't the certificate's.

    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"ca_file: {ca_file} can't be read, or has no certificate in PEM: check the path") from error
    if cert_file is not None:
        _load_client_certificate(context, cert_file, key_file)
    return context


def _load_client_certificate(context: ssl.SSLContext, cert_file: str, key_file: str | None) -> None:
    try:
        # A pair that doesn't match would leave a context without its working key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert_file, key_file)
        context.load_cert_chain(cert_file, key_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"cert_file {cert_file} with key_file {key_file} can't be used: not there, not PEM, or the key is not the "
            "certificate's: give a matching pair"
        ) from error
