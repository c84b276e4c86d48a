"""What the request log has of a request that the gateway has answered."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from nlpbatch.serving.problems import LOG_KEY, REQUEST_ID_KEY
from nlpbatch.wire.media import ANALYZER, DOCUMENTS, path_to_record
from proxy.forwarding.response_headers import ARRIVAL_KEY

CODE: Final = "code"
"""Stands among the headers for the code of an error, which has none."""


def record_of(
    request: web.Request, status: int, size_bytes: int, headers: Mapping[str, str], seconds: float
) -> dict[str, Any]:
    """Return what the request log has of a request: nothing of its body, nor of its query."""
    known, arrival = request.get(LOG_KEY, {}), request.get(ARRIVAL_KEY)
    documents = headers.get(DOCUMENTS, "")
    return {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": request[REQUEST_ID_KEY],
        "tenant": None if arrival is None else arrival.tenant,
        "key": None if arrival is None else arrival.key_id,
        "job": None if arrival is None else arrival.job or None,
        "class": None if arrival is None else arrival.class_name,
        "method": request.method,
        "path": path_to_record(request.path),
        "analyzer": headers.get(ANALYZER),
        "fingerprint": headers.get("ETag", "").strip('"') or None,
        "status": status,
        "code": headers.get(CODE),
        "request_bytes": request.content_length or 0,
        "answer_bytes": size_bytes,
        "documents": int(documents) if documents.isdecimal() else None,
        "replayed": bool(known.get("replayed", False)),
        "queue_s": known.get("queue_s"),
        "seconds": round(seconds, 4),
    }
