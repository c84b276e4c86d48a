"""Reports that recipes made of their data, for the page that links to them.

A report is a page with scripts of its own, read from a directory that others may write to. Its policy keeps it from
all that the page of runs may do: it has no origin, and asks nobody.
"""

import posixpath
from typing import Final

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.records import Records

REPORT_POLICY: Final = (
    # Vega, which draws the charts, compiles expressions.
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_DIRECTORY: Final = "profile"
_SUFFIX: Final = ".html"
_MAX_BYTES: Final = 64_000_000


def read_report(records: Records, path: str, name: str) -> bytes:
    """Return a report as it was written.

    Args:
        records: Where to look.
        path: Of the recipe's output.
        name: Of the file, as the directory of reports lists it.

    Raises:
        ConfigError: There is no such report, or it is too large to be one.

    """
    directory = posixpath.join(path, _DIRECTORY)
    names = [one for one in records.names(directory) if one.endswith(_SUFFIX)]
    if name not in names:
        known = f"choose from {', '.join(names)}" if names else "there is none yet"
        raise ConfigError(f"{path or records.url} has no report {name!r}: {known}")
    with records.open(posixpath.join(directory, name)) as file:
        body = file.read(_MAX_BYTES + 1)
    if len(body) > _MAX_BYTES:
        raise ConfigError(f"{directory}/{name} has over {_MAX_BYTES:,} bytes, and no report has: open the file itself")
    return body
