"""File systems by address, without a JVM: this machine, HDFS, object stores."""

from typing import Any, Final
from urllib.parse import urlsplit

from nlpbatch.errors import ConfigError

_ATTEMPTS: Final = 4
"""Attempts to reach a NameNode, over some 15 s; the 15 of hdfs-native take three minutes, while a user waits."""


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system and the path on it.

    Raises:
        ConfigError: There is no library for that kind of address.

    fsspec's own HDFS client needs Hadoop's C library and a JVM; hdfs-native needs neither.
    """
    import fsspec  # noqa: PLC0415  (an extra)

    parts = urlsplit(url)
    if parts.scheme in {"hdfs", "viewfs"}:
        try:
            from hdfs_native.fsspec import HdfsFileSystem, ViewfsFileSystem  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise ConfigError(
                f"{url!r} is on HDFS: install nlpbatch[explore], which brings hdfs-native with it"
            ) from error
        kind = HdfsFileSystem if parts.scheme == "hdfs" else ViewfsFileSystem
        return kind(parts.hostname, parts.port, **{"dfs.client.failover.max.attempts": str(_ATTEMPTS)}), parts.path
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{url!r}: {error}: install fsspec's package for it, such as s3fs for s3://") from error
