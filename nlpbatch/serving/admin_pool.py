"""What asks a proxy's admin listener: commands, and the scaler."""

import urllib3

from nlpbatch.client.tls import client_certificate_context
from nlpbatch.serving.secrets import admin_authorization


def admin_pool(timeout_s: float) -> urllib3.PoolManager:
    """Return connections with the environment's key, and with its certificate where TLS asks for one.

    Args:
        timeout_s: For connecting, and for each wait for bytes.

    Raises:
        ConfigError: No header carries the key, or the certificate can't be used.

    """
    headers, context = admin_authorization(), client_certificate_context()
    return urllib3.PoolManager(retries=False, timeout=timeout_s, headers=headers, ssl_context=context)
