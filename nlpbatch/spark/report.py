"""The truth about a finished run, for people and as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. Rows are counted where they are written; the client's figures include repeated work.

    Args:
        input: What was read.
        output: What was written.
        service: Where the text went.
        analyzer: By which analyzer.
        fingerprint: In which version; all rows have the same.
        rows: Rows written.
        nulls: Those of them without a text.
        tokens: Tokens written.
        errors: Rows with an error, by code.
        text_bytes: UTF-8 bytes of the text column.
        seconds: Wall time from the first read to the last file.
        requests: Requests made.
        retries: Attempts after a request's first.
        sent_bytes: Bodies sent.
        received_bytes: Bodies received.
        throttled_s: Seconds that tasks waited because the service asked them to, summed over requests.
        backoff_s: Seconds waited for other reasons.

    """

    input: str
    output: str
    service: str
    analyzer: str
    fingerprint: str
    rows: int
    nulls: int
    tokens: int
    errors: Mapping[str, int]
    text_bytes: int
    seconds: float
    requests: int
    retries: int
    sent_bytes: int
    received_bytes: int
    throttled_s: float
    backoff_s: float

    @property
    def documents_per_s(self) -> float:
        """Return rows over wall time."""
        return self.rows / self.seconds if self.seconds else 0.0

    def to_json(self) -> str:
        """Return the report as one JSON object."""
        members = asdict(self) | {"documents_per_s": round(self.documents_per_s, 1)}
        return json.dumps(members, ensure_ascii=False, indent=2) + "\n"

    def to_text(self) -> str:
        """Return the report for a person."""
        errors = ", ".join(f"{code} {count:,}" for code, count in sorted(self.errors.items()))
        lines = {
            "rows": f"{self.rows:,} ({self.nulls:,} without text, {sum(self.errors.values()):,} with an error)",
            "errors": errors or "none",
            "tokens": f"{self.tokens:,}",
            "speed": f"{self.documents_per_s:,.0f} documents/s ({self.seconds:,.1f} s)",
            "bytes": f"{self.text_bytes:,} of text, {self.sent_bytes:,} sent, {self.received_bytes:,} received",
            "requests": f"{self.requests:,} and {self.retries:,} retries",
            "throttled": f"{self.throttled_s:,.1f} s",
            "analyzer": f"{self.analyzer}, fingerprint {self.fingerprint}",
            "output": self.output,
        }
        return "\n".join(f"  {name:<10} {value}" for name, value in lines.items())
