"""A record of requests for those who need one: who asked, when, which analyzer, sizes, times, outcome. Never a text.

Records are kept in memory for a second at most, bounded, and written by a thread: a slow disk delays no request, and a
full one loses records, which a metric counts. Each process writes files of its own:

    requests-20261127T213000-4711-000001.jsonl      a JSON object a line, being written
    requests-20261127T213000-4711-000001.parquet    with `format = "parquet"`; appears whole, by a rename
"""

import asyncio
import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, TextIO

from nlpbatch.errors import ConfigError
from proxy.config_service import RequestLogSettings

_PERIOD_S: Final = 1.0
_MAX_WAITING: Final = 20_000
"""Records that wait to be written: ten seconds of a process that is busy."""
_BATCH_ROWS: Final = 10_000
_BATCH_S: Final = 60.0
"""A Parquet file has so many records, or those of so long: it can't be added to."""
_COLUMNS: Final = {
    "at": "string",
    "request_id": "string",
    "tenant": "string",
    "key": "string",
    "job": "string",
    "class": "string",
    "method": "string",
    "path": "string",
    "analyzer": "string",
    "fingerprint": "string",
    "status": "int32",
    "code": "string",
    "request_bytes": "int64",
    "answer_bytes": "int64",
    "documents": "int64",
    "replayed": "bool",
    "queue_s": "float64",
    "seconds": "float64",
}
"""What is known of a request; `key` is the id of the key, which is no secret."""
Record = Mapping[str, Any]
_log: Final = logging.getLogger("nlpbatch.proxy")


class RequestLog:
    """Writes records while `run` does; `close` writes what is left.

    Args:
        settings: Where and what to write.
        on_lost: Called with the number of records that were lost.
        chance: Returns a random number in [0, 1), for the sample.

    Raises:
        ConfigError: The directory can't be written to, or Parquet was asked for without pyarrow.

    """

    def __init__(
        self, settings: RequestLogSettings, on_lost: Callable[[int], None], chance: Callable[[], float] | None = None
    ) -> None:
        self._settings = settings
        self._on_lost = on_lost
        self._chance = chance or Random().random  # noqa: S311  (a sample guards nothing)
        self._waiting: list[Record] = []
        self._complained = False
        self._files = _new_files(settings) if settings.directory is not None else None

    @property
    def is_on(self) -> bool:
        """Return whether anything is written."""
        return self._files is not None

    def add(self, record: Record) -> None:
        """Have a record written, if it is in the sample."""
        if self._chance() >= self._settings.sample:
            return
        if len(self._waiting) >= _MAX_WAITING:
            self._on_lost(1)
            return
        self._waiting.append(record)

    async def run(self) -> None:
        """Write once a second, until cancelled."""
        while True:
            await asyncio.sleep(_PERIOD_S)
            await self._write(last=False)

    async def close(self) -> None:
        """Write what is left, and end the file."""
        await self._write(last=True)

    async def _write(self, *, last: bool) -> None:
        if self._files is None:
            return
        records, self._waiting = self._waiting, []
        try:
            lost = await asyncio.to_thread(self._files.write, records, last=last)
            self._complained = False
        except (OSError, ValueError) as error:  # ValueError: what neither UTF-8 nor Arrow can express
            lost = len(records)
            if not self._complained:
                reason = getattr(error, "strerror", None) or type(error).__name__
                _log.error("request log not written", extra={"reason": reason})
                self._complained = True
        if lost:
            self._on_lost(lost)


class _Files:
    """Files that follow each other, of which the oldest are removed."""

    def __init__(self, directory: Path, suffix: str, keep_files: int) -> None:
        self._directory = directory
        self._suffix = suffix
        self._keep_files = keep_files
        self._began = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
        self._number = 0
        self._lock = threading.Lock()

    def next(self) -> Path:
        """Return the path of the next file, after removing those that are too many."""
        self._number += 1
        files = sorted(self._directory.glob(f"requests-*{self._suffix}"), key=_modified_s)
        for old in files[: max(0, len(files) - self._keep_files + 1)]:
            if not _is_being_written(old):
                old.unlink(missing_ok=True)
        return self._directory / f"requests-{self._began}-{self._number:06d}{self._suffix}"

    def write(self, records: Sequence[Record], *, last: bool) -> int:
        """Write records; return how many of them are lost. Called in threads, of which the later ones wait.

        Raises:
            OSError: None of them was written.
            ValueError: The same; one of them can't be expressed.

        """
        with self._lock:  # a write that was cancelled goes on in its thread while the last one begins
            return self._write(records, last=last)

    def _write(self, records: Sequence[Record], *, last: bool) -> int:
        raise NotImplementedError


class _Lines(_Files):
    def __init__(self, directory: Path, rotate_bytes: int, keep_files: int) -> None:
        super().__init__(directory, ".jsonl", keep_files)
        self._rotate_bytes = rotate_bytes
        self._file: TextIO | None = None

    def _write(self, records: Sequence[Record], *, last: bool) -> int:
        """Add lines to the file, and begin another one when it is large."""
        if records:
            if self._file is None:
                self._file = self.next().open("a", encoding="utf-8")
                # Other processes remove old files, and this one may be older than theirs.
                fcntl.flock(self._file, fcntl.LOCK_SH)
            try:
                self._file.write("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
                self._file.flush()
            except (OSError, ValueError):
                self._end()
                raise
        if self._file is not None and (last or self._file.tell() >= self._rotate_bytes):
            self._end()
        return 0

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                return  # what was in its buffer is lost with the records that are reported


class _Parquet(_Files):
    def __init__(self, directory: Path, keep_files: int) -> None:
        super().__init__(directory, ".parquet", keep_files)
        self._rows: list[Record] = []
        self._since: datetime | None = None

    def _write(self, records: Sequence[Record], *, last: bool) -> int:
        """Collect rows, and write them as a file of their own when they are many or old enough."""
        now = datetime.now(UTC)
        if records and self._since is None:
            self._since = now
        self._rows += records
        is_due = self._since is not None and (now - self._since).total_seconds() >= _BATCH_S
        if not self._rows or not (last or is_due or len(self._rows) >= _BATCH_ROWS):
            return 0
        rows, self._rows, self._since = self._rows, [], None
        try:
            self._write_file(rows)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            _log.error("request log not written", extra={"reason": reason})
            return len(rows)
        return 0

    def _write_file(self, rows: Sequence[Record]) -> None:
        import pyarrow as pa  # noqa: PLC0415  (not of the proxy's extra)
        import pyarrow.parquet as pq  # noqa: PLC0415

        types = {
            "string": pa.string(),
            "int32": pa.int32(),
            "int64": pa.int64(),
            "float64": pa.float64(),
            "bool": pa.bool_(),
        }
        schema = pa.schema([(name, types[kind]) for name, kind in _COLUMNS.items()])
        file = self.next()
        hidden = file.with_name(f".{file.name}")
        try:
            pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), hidden)
            hidden.rename(file)
        finally:
            hidden.unlink(missing_ok=True)


def _modified_s(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # another process has removed it since


def _is_being_written(file: Path) -> bool:
    """Return whether a process has the file open as its own; one that was killed has not."""
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _new_files(settings: RequestLogSettings) -> _Files:
    directory = Path(settings.directory or "")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"request_log.directory {directory} can't be written to: {error.strerror}: choose another, or its owner"
        ) from error
    if settings.format == "jsonl":
        return _Lines(directory, settings.rotate_bytes, settings.keep_files)
    try:
        import pyarrow  # noqa: F401, ICN001, PLC0415
    except ImportError as error:
        raise ConfigError("request_log.format is parquet, for which pyarrow is missing: pip install pyarrow") from error
    return _Parquet(directory, settings.keep_files)
