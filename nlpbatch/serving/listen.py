"""Where a server listens, as its configuration states it."""

from pydantic import Field

from nlpbatch.serving.settings import Settings


class TlsSettings(Settings):
    """A certificate chain and its key, in PEM files."""

    cert_file: str
    key_file: str
    client_ca_file: str | None = None
    """Certificates of authorities: callers must show a certificate that one of them has signed (mTLS)."""


class EndpointSettings(Settings):
    """An address. Servers set the port's default."""

    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 is every address of the machine."""
    port: int = Field(0, ge=0, le=65535)
    """TCP port; 0 lets the system choose, the log says which."""
    tls: TlsSettings | None = None
    """Speak TLS: `{ cert_file = "…", key_file = "…" }`, both in PEM."""


class ListenSettings(EndpointSettings):
    """An address, and the time for requests in progress at a stop."""

    drain_timeout_s: float = Field(30.0, ge=0, le=3600)
    """How long requests in progress may go on after SIGTERM."""
