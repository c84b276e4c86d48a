"""The limits of a worker pool: sizes of chunks and queue, time and memory of a document."""

from dataclasses import dataclass

from nlpbatch.wire.limits import KIB, MIB


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Limits of one pool.

    Args:
        workers: Worker processes.
        chunk_bytes: Text handed to a worker at a time. Small chunks spread a request over idle workers and repeat
            little when one dies; below 8 KiB the framing shows.
        chunk_documents: Documents handed to a worker at a time.
        text_bytes: Longest document.
        queue_bytes: Text waiting for a worker, over all requests; beyond it requests are refused.
        document_s: Largest time of one document, in seconds.
        memory_bytes: Largest growth of a worker on one document.
        load_s: Largest time of loading the engine, in seconds.

    """

    workers: int
    chunk_bytes: int = 16 * KIB
    chunk_documents: int = 512
    text_bytes: int = MIB
    queue_bytes: int = 64 * MIB
    document_s: float = 30.0
    memory_bytes: int = 512 * MIB
    load_s: float = 600.0
