"""The ledger of what was done for each tenant, as configured."""

from pydantic import Field

from nlpbatch.serving.settings import Settings
from nlpbatch.wire.limits import KIB, MIB


class LedgerSettings(Settings):
    """Where counts are kept, and for how long; without `directory` and `shared.url`, until the process ends."""

    directory: str | None = Field(None, min_length=1)
    """A proxy writes what it counts to a file here, before the answer leaves; without `shared.url` the ledger itself
    is here, too."""
    retention_days: int = Field(400, ge=1, le=3660)
    """Older days are removed."""
    journal_bytes: int = Field(64 * MIB, ge=64 * KIB, le=1024 * MIB)
    """As large may a proxy's file become while the shared store is away; then its lines are added up."""
    carry_period_s: float = Field(0.1, ge=0.01, le=60)
    """So often a proxy brings what it has counted to the ledger."""
