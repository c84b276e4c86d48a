"""What a run has done over all its starts, as text for people and as JSON."""

import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nlpbatch.older_python import Self
from nlpbatch.spark.runs.batches import BatchRecord


@dataclass(frozen=True, slots=True)
class Work:
    """Two counts of the run's requests: the job's, of answers that are in the output, and the proxy's, of all requests.

    They agree if every answer was used. If the proxy counts more, the difference was analysed again: for a task whose
    executor was lost, for a copy of a slow task, or for a start that was killed.

    Args:
        answered: Requests whose answers are in the output or in the dead letters.
        answered_bytes: Their bodies' bytes.
        replayed: Those of them that the proxy answered from its cache, without another analysis.
        analysed: Requests that the proxy had analysed for the run; None if the proxy doesn't count.
        analysed_bytes: Their bodies' bytes.
        proxies: Ledgers that answered with counts: one for a fleet, or one for each proxy that shares nothing. What a
            proxy without `ledger.directory` counts after its last answer is lost when it is killed.

    """

    answered: int = 0
    answered_bytes: int = 0
    replayed: int = 0
    analysed: int | None = None
    analysed_bytes: int | None = None
    proxies: int = 0

    @property
    def repeated_bytes(self) -> int | None:
        """Return the bytes that were analysed more than once; None if the proxy doesn't count."""
        return None if self.analysed_bytes is None else max(0, self.analysed_bytes - self.answered_bytes)

    @classmethod
    def of(cls, records: Iterable[BatchRecord]) -> Self:
        """Return the sums over all micro-batches."""
        ours: Counter[str] = Counter()
        last: dict[str, Mapping[str, Any]] = {}
        for record in records:
            ours.update({name: int(record.client.get(name, 0)) for name in ("answered", "answered_bytes", "replayed")})
            for item in record.proxy:  # not in order of time: a replay is recorded in the micro-batches that it changed
                known = last.setdefault(item["instance"], item)
                last[item["instance"]] = max(known, item, key=lambda count: int(count["analysed"]))
        counted = {name: sum(item[name] for item in last.values()) for name in ("analysed", "analysed_bytes")}
        return cls(**ours, **(counted if last else {}), proxies=len(last))


@dataclass(frozen=True, slots=True)
class Report:
    """What a run has done by now. Rows are counted where they are written; the client's figures include retries.

    Args:
        input: What was read.
        output: What was written.
        service: Where the text went.
        analyzer: By which analyzer.
        fingerprint: The analyzer's version; the same for all rows, unless a replay used another (`fingerprints`).
        run: The run's name, under which the proxy counted it.
        complete: Whether all that the input held is done.
        stopped: Why not, if this start was to end early.
        batches: Micro-batches.
        files: Input files.
        file_bytes: Their bytes.
        set_aside: Input files that couldn't be read, with the reason.
        unread: Those of them that are in the input still.
        rows: Rows read: those in the output and those that are dead.
        dead: Rows that failed.
        nulls: Rows without a text.
        tokens: Tokens written.
        errors: Rows that failed, by code.
        text_bytes: UTF-8 bytes of the texts.
        seconds: Wall time of all micro-batches.
        client: What the tasks' clients did: requests, retries, bytes, seconds throttled.
        work: Useful work and all work.
        attempts: Starts, this one among them.
        new_rows: Rows of this start.
        fingerprints: All versions that rows have.
        table: The table that has the rows; None if the output has them.

    """

    input: str
    output: str
    service: str
    analyzer: str
    fingerprint: str
    run: str
    complete: bool
    stopped: str | None
    batches: int
    files: int
    file_bytes: int
    set_aside: Mapping[str, str]
    unread: Mapping[str, str]
    rows: int
    dead: int
    nulls: int
    tokens: int
    errors: Mapping[str, int]
    text_bytes: int
    seconds: float
    client: Mapping[str, float]
    work: Work
    attempts: int
    new_rows: int = 0
    fingerprints: tuple[str, ...] = field(default=())
    table: str | None = None

    @classmethod
    def of(cls, records: Iterable[BatchRecord], *, present: Container[str] = (), **given: Any) -> Self:
        """Return the report of all micro-batches.

        Args:
            records: Their records.
            present: Files that are in the input now.
            given: The members that are not derived from the records.

        """
        records = tuple(records)
        errors: Counter[str] = Counter()
        client: Counter[str] = Counter()
        set_aside = {path: why for record in records for path, why in record.set_aside.items()}
        for record in records:
            errors.update(record.errors)
            client.update(record.client)
        return cls(
            batches=len(records),
            files=sum(len(record.files) for record in records),
            file_bytes=sum(size for record in records for size in record.files.values()),
            set_aside=set_aside,
            unread={path: why for path, why in set_aside.items() if path in present},
            rows=sum(record.rows for record in records),
            dead=sum(record.dead for record in records),
            nulls=sum(record.nulls for record in records),
            tokens=sum(record.tokens for record in records),
            errors=dict(sorted(errors.items())),
            text_bytes=sum(record.text_bytes for record in records),
            seconds=round(sum(record.seconds for record in records), 3),
            client={name: round(value, 3) for name, value in client.items()},
            work=Work.of(records),
            fingerprints=tuple(
                dict.fromkeys(one for record in records for one in (record.fingerprint, *record.replayed_by))
            ),
            **given,
        )

    @property
    def is_unread(self) -> bool:
        """Return whether all is done and every file was set aside."""
        return self.complete and bool(self.unread) and self.files == len(self.set_aside)

    @property
    def documents_per_s(self) -> float:
        """Return rows over wall time."""
        return self.rows / self.seconds if self.seconds else 0.0

    def to_json(self) -> str:
        """Return the report as one JSON object."""
        members = asdict(self) | {"out": self.rows - self.dead, "documents_per_s": round(self.documents_per_s, 1)}
        return json.dumps(members, ensure_ascii=False, indent=2) + "\n"

    def to_text(self) -> str:
        """Return the report for a person."""
        client = {name: self.client.get(name, 0) for name in ("requests", "retries", "sent_bytes", "received_bytes")}
        lines = {
            "rows": f"{self.rows:,} = {self.rows - self.dead:,} out + {self.dead:,} dead ({self.nulls:,} without text)",
            "errors": ", ".join(f"{code} {count:,}" for code, count in self.errors.items()) or "none",
            "tokens": f"{self.tokens:,}",
            "speed": f"{self.documents_per_s:,.0f} documents/s ({self.seconds:,.1f} s)",
            "bytes": f"{self.text_bytes:,} of text, {client['sent_bytes']:,.0f} sent, "
            f"{client['received_bytes']:,.0f} received",
            "requests": f"{client['requests']:,.0f} and {client['retries']:,.0f} retries",
            "repeated": self._repeated(),
            "throttled": f"{self.client.get('throttled_s', 0.0):,.1f} s",
            "batches": f"{self.batches:,} of {self.files:,} files, in {self.attempts:,} attempts",
            "analyzer": f"{self.analyzer}, fingerprint {', '.join(self.fingerprints or (self.fingerprint,))}",
            "output": self.output,
        }
        if self.table is not None:
            lines["table"] = self.table
        text = [f"  {name:<10} {value}" for name, value in lines.items()]
        return "\n".join([*text, *(f"  set aside  {path}: {why}" for path, why in self.set_aside.items())])

    def _repeated(self) -> str:
        repeated = self.work.repeated_bytes
        if repeated is None:
            return "unknown: the service doesn't count"
        share = repeated / self.work.answered_bytes if self.work.answered_bytes else 0.0
        return f"{repeated:,} bytes ({share:.2%}) analysed more than once, {self.work.replayed:,} answers replayed"
