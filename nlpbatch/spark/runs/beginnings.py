"""The first bytes of files, read on the driver and decompressed by Hadoop's codecs, for many files in threads."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError
from nlpbatch.formats.names import compression_of
from nlpbatch.spark.runs.unreadable import DAMAGED, GONE, is_passing
from nlpbatch.spark.storage import first_line
from nlpbatch.wire.limits import KIB

BEGINNING_BYTES: Final = 16 * KIB
_THREADS: Final = 8
_FRAMES: Final[Mapping[str, bytes]] = {"lz4": b"\x04\x22\x4d\x18", "snappy": b"\xff\x06\x00\x00sNaPpY"}
"""How files begin that the usual tools write. Hadoop's codecs of these names read another container, and would take
such bytes for a length of gigabytes."""
_REMEDY: Final = "write it as gzip, bzip2 or zstd, or uncompressed"


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first bytes of a file.

    Args:
        data: The bytes, decompressed.
        is_all: Whether the file has no more.
        fault: Why they cannot be read; None if they can.

    """

    data: bytes = b""
    is_all: bool = True
    fault: str | None = None


class BeginningReader:
    """Reads the beginnings of files on any file system that Spark reads."""

    def __init__(self, spark: SparkSession) -> None:
        context = spark.sparkContext
        jvm: Any = context._jvm  # noqa: SLF001
        self._settings: Any = context._jsc.hadoopConfiguration()  # noqa: SLF001
        # Each of these names is a call to the JVM: they are looked up once.
        self._path: Any = jvm.org.apache.hadoop.fs.Path
        self._streams: Any = jvm.org.apache.spark.sql.execution.datasources.CodecStreams
        self._codecs: Any = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(self._settings)

    def read(self, files: Iterable[str], size_bytes: int = BEGINNING_BYTES) -> dict[str, Beginning]:
        """Return the beginnings of files, by path.

        Raises:
            ConfigError: The file system cannot be reached.

        """
        paths = list(files)
        with ThreadPoolExecutor(_THREADS) as threads:
            return dict(zip(paths, threads.map(lambda file: self._read(file, size_bytes), paths), strict=True))

    def _read(self, file: str, size_bytes: int) -> Beginning:
        try:
            fault = self._codec_fault(file)
            if fault is not None:
                return Beginning(fault=fault)
            data = self._bytes(self._streams.createInputStream(self._settings, self._path(file)), size_bytes + 1)
        except Py4JJavaError as error:
            return Beginning(fault=fault_of(file, error))
        return Beginning(data[:size_bytes], len(data) <= size_bytes)

    def _codec_fault(self, file: str) -> str | None:
        """Return why Spark cannot decompress a file; None if it can, or if the file isn't compressed."""
        kind = compression_of(file)
        if kind is None:
            return None
        path = self._path(file)
        if self._codecs.getCodec(path) is None:
            return f"it is compressed with {kind}, for which Spark has no codec here: {_REMEDY}"
        if kind not in _FRAMES:
            return None
        raw = self._bytes(path.getFileSystem(self._settings).open(path), 16)
        if raw.startswith(_FRAMES[kind]):
            return f"it is compressed in frames of {kind.upper()}, Hadoop reads another container: {_REMEDY}"
        return None

    @staticmethod
    def _bytes(stream: Any, size_bytes: int) -> bytes:
        try:
            return bytes(stream.readNBytes(size_bytes))
        finally:
            stream.close()


def fault_of(file: str, error: Py4JJavaError) -> str:
    """Return why a file can't be read, by what Java said when it was opened.

    Raises:
        ConfigError: It isn't the file's fault: the storage can't be reached.

    """
    if is_passing(str(error)):
        raise ConfigError(f"{file} can't be read: {first_line(error)}: check the storage") from error
    if "FileNotFoundException" in str(error):
        return GONE
    return DAMAGED if compression_of(file) is None else f"it can't be decompressed ({first_line(error)})"
