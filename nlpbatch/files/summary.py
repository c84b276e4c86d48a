"""What was done for a file, as text for people and as JSON; the names are those of a job's summary."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.files.counts import Counts


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done over all starts.

    Args:
        input: What was read.
        output: What was written.
        dead_output: The rows that failed; None if none has.
        service: Where the text went.
        analyzer: By which analyzer.
        fingerprint: The analyzer's version, the same for all rows.
        run: The run's name, under which the proxy counted it.
        files: Input files.
        file_bytes: Their bytes.
        set_aside: Input files that can't be read, with the reason.
        counts: What the rows hold.
        seconds: Wall time of all starts.
        stats: What the requests took.
        attempts: Starts, this one among them.
        new_rows: Rows of this start.

    """

    input: str
    output: str
    dead_output: str | None
    service: str
    analyzer: str
    fingerprint: str
    run: str
    files: int
    file_bytes: int
    set_aside: Mapping[str, str]
    counts: Counts
    seconds: float
    stats: TaskStats
    attempts: int
    new_rows: int

    @property
    def documents_per_s(self) -> float:
        """Return rows over wall time."""
        return self.counts.rows / self.seconds if self.seconds else 0.0

    def to_members(self) -> dict[str, Any]:
        """Return the summary as a JSON object."""
        members: dict[str, Any] = asdict(self)
        counts, client = members.pop("counts"), members.pop("stats")
        client = {name: round(value, 3) for name, value in client.items()}
        more = {"out": counts["rows"] - counts["dead"], "documents_per_s": round(self.documents_per_s, 1)}
        return {**members, **counts, "seconds": round(self.seconds, 3), "client": client, **more}

    def to_json(self) -> str:
        """Return the summary as JSON."""
        return json.dumps(self.to_members(), ensure_ascii=False, indent=2) + "\n"

    def to_text(self) -> str:
        """Return the summary for a person."""
        counts, stats = self.counts, self.stats
        lines = {
            "rows": f"{counts.rows:,} = {counts.rows - counts.dead:,} out + {counts.dead:,} dead "
            f"({counts.nulls:,} without text)",
            "errors": ", ".join(f"{code} {count:,}" for code, count in counts.errors.items()) or "none",
            "tokens": f"{counts.tokens:,}",
            "speed": f"{self.documents_per_s:,.0f} documents/s ({self.seconds:,.1f} s)",
            "bytes": f"{counts.text_bytes:,} of text, {stats.sent_bytes:,} sent, {stats.received_bytes:,} received",
            "requests": f"{stats.requests:,} and {stats.retries:,} retries, {stats.replayed:,} answers replayed",
            "throttled": f"{stats.throttled_s:,.1f} s",
            "starts": f"{self.attempts:,}, {self.new_rows:,} rows in this one",
            "analyzer": f"{self.analyzer}, fingerprint {self.fingerprint}",
            "output": self.output,
        }
        if self.dead_output is not None:
            lines["dead"] = self.dead_output
        text = [f"  {name:<10} {value}" for name, value in lines.items()]
        return "\n".join([*text, *(f"  set aside  {path}: {why}" for path, why in self.set_aside.items())])
