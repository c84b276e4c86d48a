"""Rows that are done, kept beside an output that isn't complete yet, so that a later start goes on after them.

    .tokens.parquet.part/run.json      what the output is: input, columns, options, the analyzer's version
                        /lock          held by the process that writes
                        /000001.arrow  rows with their outcomes, in the order of the input
                        /000001.json   their counts; a part that has one is whole
                        /rows.parquet  the output as far as it is written, without its end
                        /dead.parquet  the same of the rows that failed

A part appears by a rename, and so does the output, last of all.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any, Final, Self

import pyarrow as pa

from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.errors import ConfigError
from nlpbatch.files.counts import Counts

_RUN: Final = "run.json"
_LOCK: Final = "lock"
_REMEDY: Final = "give --overwrite to start again, choose another output, or use the settings it was begun with"


@dataclass(frozen=True, slots=True)
class AnalysisIdentity:
    """What makes two starts one run.

    Args:
        files: Path, bytes and time of change of each input file.
        reader: The way to read them.
        text: Columns that are analysed.
        asked: What is asked of each text, without defaults.

    """

    files: list[list[Any]]
    reader: Mapping[str, Any]
    text: list[str]
    asked: Mapping[str, Any]

    def differences(self, other: "AnalysisIdentity") -> list[str]:
        """Return what differs, in words."""
        found = []
        for one in fields(self):
            mine, others = (json.loads(json.dumps(getattr(each, one.name))) for each in (self, other))
            if mine != others:
                said = "" if one.name == "files" else f" (was {json.dumps(mine)}, is {json.dumps(others)})"
                found.append(f"{_WORDS[one.name]}{said}")
        return found


_WORDS: Final = {
    "files": "the input files have changed",
    "reader": "they are read in another way",
    "text": "other columns",
    "asked": "other options",
}


@dataclass(frozen=True, slots=True)
class AnalysisFile:
    """What `run.json` holds.

    Args:
        run: Name of the run, under which the proxy counts its requests over all starts.
        identity: What the output is.
        fingerprint: The analyzer's version; all rows have the same.
        nlpbatch: The version that began it.
        starts: How often it was started.

    """

    run: str
    identity: AnalysisIdentity
    fingerprint: str
    nlpbatch: str
    starts: int = 1


@dataclass(frozen=True, slots=True)
class StoredPart:
    """Some rows that follow each other.

    Args:
        counts: What they hold.
        seconds: Wall time.
        stats: What their requests took.

    """

    counts: Counts
    seconds: float
    stats: TaskStats

    def __add__(self, other: "StoredPart") -> Self:
        """Return the sums."""
        return replace(
            self,
            counts=self.counts + other.counts,
            seconds=self.seconds + other.seconds,
            stats=self.stats + other.stats,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what a part's file says."""
        members = json.loads(text)
        return cls(Counts(**members["counts"]), members["seconds"], TaskStats(**members["stats"]))

    def to_json(self) -> str:
        """Return the part's file."""
        return json.dumps(asdict(self)) + "\n"


class PartStore:
    """The parts of one output.

    Args:
        output: The file that is to be written.

    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.dead = output.with_name(f"{output.stem}.dead{output.suffix}")
        self.directory = output.with_name(f".{output.name}.part")
        self._whole = 0

    @contextmanager
    def locked(self) -> Iterator[Self]:
        """Let nobody else write this output meanwhile.

        Raises:
            ConfigError: Another process does, or nothing can be written there.

        """
        try:
            self.directory.mkdir(exist_ok=True)
            lock = (self.directory / _LOCK).open("wb")
        except OSError as error:
            raise ConfigError(f"{self.output} can't be written: {error.strerror}: choose another with -o") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConfigError(
                    f"another process is writing {self.output}: wait for it, or choose another output"
                ) from error
            try:
                yield self
            finally:
                if self.directory.exists() and not (self.directory / _RUN).exists():  # nothing was begun
                    shutil.rmtree(self.directory, ignore_errors=True)

    def begun(self) -> AnalysisFile | None:
        """Return what was begun here; None if nothing was.

        Raises:
            ConfigError: Its record can't be read.

        """
        path = self.directory / _RUN
        if not path.exists():
            return None
        try:
            members = json.loads(path.read_text(encoding="utf-8"))
            return AnalysisFile(**members | {"identity": AnalysisIdentity(**members["identity"])})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} can't be read ({error!r}): give --overwrite to start again") from error

    def check(self, begun: AnalysisFile, now: AnalysisIdentity) -> None:
        """Refuse to go on with another input, other columns or other options.

        Raises:
            ConfigError: Naming all that differs.

        """
        differences = begun.identity.differences(now)
        if differences:
            raise ConfigError(f"{self.output} was begun with different settings: {'; '.join(differences)}: {_REMEDY}")

    def begin(self, run: AnalysisFile) -> None:
        """Record what the output is."""
        self._write_text(_RUN, json.dumps(asdict(run), ensure_ascii=False, indent=1) + "\n")

    def clear(self) -> None:
        """Delete what was begun."""
        for path in self.directory.iterdir():
            if path.name != _LOCK:
                path.unlink()

    def whole_parts(self) -> Iterator[tuple[StoredPart, Iterator[pa.RecordBatch]]]:
        """Yield the parts that are whole, in order, with their rows; what comes after the last of them is deleted."""
        while (record := self._path(self._whole + 1, "json")).exists():
            self._whole += 1
            yield StoredPart.from_json(record.read_text(encoding="utf-8")), self._rows(self._whole)
        for path in self.directory.glob("*.arrow*"):
            if int(path.name[:6]) > self._whole:
                path.unlink()

    def next_number(self) -> int:
        """Return the number of the next part, after `whole_parts`."""
        return self._whole + 1

    def add(self, number: int, part: StoredPart, batches: list[pa.RecordBatch]) -> None:
        """Keep a part; one that is added again takes its own place."""
        path = self._path(number, "arrow")
        staged = path.with_suffix(".arrow-")
        with writing(staged), staged.open("wb") as file:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            with pa.ipc.new_stream(file, batches[0].schema, options=options) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            _sync(file)
        staged.rename(path)
        self._write_text(f"{number:06d}.json", part.to_json())
        self._whole = number

    def finish(self, rows: Path, dead: Path | None) -> None:
        """Let the output appear, and the rows that failed beside it, if there are any; delete the parts."""
        for path in (rows, dead):
            if path is not None:
                with path.open("rb") as file:
                    _sync(file)
        if dead is not None:
            dead.rename(self.dead)
        else:
            self.dead.unlink(missing_ok=True)
        rows.rename(self.output)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _rows(self, number: int) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self._path(number, "arrow"))) as file, pa.ipc.open_stream(file) as reader:
            yield from reader

    def _path(self, number: int, suffix: str) -> Path:
        return self.directory / f"{number:06d}.{suffix}"

    def _write_text(self, name: str, text: str) -> None:
        path = self.directory / name
        staged = path.with_name(f"{name}-")
        with writing(staged), staged.open("w", encoding="utf-8") as file:
            file.write(text)
            _sync(file)
        staged.rename(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file in the error if it can't be written, which Arrow doesn't."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno or 0, reason, str(path)) from error


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
