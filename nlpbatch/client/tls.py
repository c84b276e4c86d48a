"""The certificate that this process shows to https services that ask for one (mTLS).

The environment names it, as OpenSSL's own SSL_CERT_FILE names the authorities that are trusted: both belong to the
machine, not to one call, and reach Spark's executors the same way (spark.executorEnv.NLPBATCH_CLIENT_CERT).
"""

import os
import ssl
from typing import Final

from nlpbatch.errors import ConfigError

CERT_VARIABLE: Final = "NLPBATCH_CLIENT_CERT"
"""Names a file with the certificate chain in PEM, and with the key unless that has a file of its own."""
KEY_VARIABLE: Final = "NLPBATCH_CLIENT_KEY"
"""Names the file of its key in PEM."""


def client_certificate_context() -> ssl.SSLContext | None:
    """Return the context of connections that show the certificate; None if the environment names none.

    Raises:
        ConfigError: The files can't be read, aren't PEM, or don't belong together.

    """
    cert_file, key_file = os.environ.get(CERT_VARIABLE), os.environ.get(KEY_VARIABLE)
    if not cert_file:
        return None
    context = ssl.create_default_context()
    try:
        # A key with a passphrase would ask for it on the terminal; an empty one makes that an error.
        context.load_cert_chain(cert_file, key_file or None, password="")
    except (ssl.SSLError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "not usable"
        raise ConfigError(
            f"the client certificate {cert_file} ({CERT_VARIABLE}) with the key {key_file or 'in the same file'} "
            f"({KEY_VARIABLE}) can't be used: {reason}: give PEM files of a matching pair, the key without a passphrase"
        ) from error
    return context
