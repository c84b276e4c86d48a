"""TLS for listeners, and for connections to backends."""

import ssl
from pathlib import Path

from nlpbatch.errors import ConfigError
from nlpbatch.serving.listen import TlsSettings


def server_context(settings: TlsSettings | None) -> ssl.SSLContext | None:
    """Return what a listener speaks TLS with, None for plain HTTP.

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
        ConfigError: As for `server_context`; the context keeps what it had.

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


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what the certificates of https servers are checked with.

    Raises:
        ConfigError: The file is missing or has no certificate.

    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"ca_file: {ca_file} can't be read, or has no certificate in PEM: check the path") from error
