"""HDFS, or another file system by address, as this product's tools without a JVM reach it."""

import time
from collections.abc import Iterator
from typing import Final

from nlpbatch.doctor.finding import Finding
from nlpbatch.errors import ConfigError
from nlpbatch.formats.file_systems import file_system

BOUND_S: Final = 30.0
LATE: Final = "check host and port of the NameNode, and whether a firewall drops the connection"
_EXTRA: Final = "pip install 'nlpbatch[explore]'"


def check_hdfs(url: str) -> Iterator[Finding]:
    """Yield whether a path can be looked up.

    Args:
        url: Such as hdfs://namenode:8020/out.

    """
    details = {"url": url}
    began_s = time.monotonic()
    try:
        system, path = file_system(url)
        entry = system.info(path or "/")
    except ImportError as error:
        yield Finding("hdfs", "failed", f"{url} can't be looked at without {error.name}", _EXTRA, details)
    except ConfigError as error:
        yield Finding("hdfs", "failed", error.message, _EXTRA, details)
    except FileNotFoundError:
        said = f"the file system of {url} answers, but has no such path"
        yield Finding("hdfs", "look", said, "check the path; outputs are created, inputs have to be there", details)
    except Exception as error:  # noqa: BLE001  (each library has its own)
        said = (
            f"{url} can't be reached: {type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
        )
        remedy = (
            "check host and port of the NameNode (fs.defaultFS), HADOOP_CONF_DIR for names of HA services, and that a "
            "Kerberos ticket is valid (klist)"
        )
        yield Finding("hdfs", "failed", said.rstrip(": "), remedy, details)
    else:
        took_s = time.monotonic() - began_s
        kind = "directory" if entry.get("type") == "directory" else "file"
        yield Finding("hdfs", "fine", f"{url} is a {kind}; answered in {took_s:.2f} s", details=details)
