"""How a worker pool cuts its work, and how much it lets wait."""

from dataclasses import dataclass

from nlpbatch.wire.limits import KIB, MIB


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How the pool cuts and how much it lets wait.

    Args:
        workers: Worker processes.
        chunk_bytes: Text handed to a worker at a time. Small chunks spread a request over idle workers and repeat
            little when one dies; below 8 KiB the framing shows.
        chunk_documents: Documents handed to a worker at a time.
        text_bytes: Longest document.
        queue_bytes: Text waiting for a worker, over all requests; beyond it requests are refused.
        document_s: How long one document may take.
        memory_bytes: How much a worker may grow on one document.

    """

    workers: int
    chunk_bytes: int = 16 * KIB
    chunk_documents: int = 512
    text_bytes: int = MIB
    queue_bytes: int = 64 * MIB
    document_s: float = 30.0
    memory_bytes: int = 512 * MIB
