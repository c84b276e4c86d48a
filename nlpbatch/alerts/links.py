"""Links into the page of `nlpbatch runs`, which shows a run by its path below the directory that it serves."""

from collections.abc import Sequence
from urllib.parse import quote


def path_below(directory: str, output: str) -> str | None:
    """Return the path of an output below a directory; "" for that itself, None if it isn't below it."""
    root, own = directory.rstrip("/"), output.rstrip("/")
    if own == root:
        return ""
    return own.removeprefix(f"{root}/") if own.startswith(f"{root}/") else None


def run_link(page: str | None, page_of: str | None, output: str) -> str | None:
    """Return the address of a run on the page; that of the page if it can't be told which, None without a page."""
    if page is None:
        return None
    path = None if page_of is None else path_below(page_of, output)
    base = f"{page.rstrip('/')}/"
    return base if path is None else f"{base}#/{quote(path, safe='')}"


def report_links(page: str | None, page_of: str | None, output: str, reports: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses of reports: on the page, if that shows them, else those of the files."""
    path = None if page is None or page_of is None else path_below(page_of, output)
    if page is None or path is None:
        return tuple(reports)
    names = [report.rpartition("/")[2] for report in reports]
    return tuple(f"{page.rstrip('/')}/report?path={quote(path, safe='')}&name={quote(name, safe='')}" for name in names)
