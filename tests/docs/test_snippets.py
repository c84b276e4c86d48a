"""Every snippet of README and docs is run as a reader would; what isn't run is listed in not_run.py."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.docs.markdown import blocks_of
from tests.docs.not_run import BLOCKS, INSTALLED_ONLY, PAGES, reason_not_to_run
from tests.docs.page_run import PageRun
from tests.docs.pages import ROOT, english_pages

PORTS = (8700, 8702, 8706, 8710, 8712, 8720, 8722)
"""Those that pages use, as their readers will."""
PROGRAMS = {
    "docs/how-to/languages.md": ("node", "java", "javac", "curl"),
    "docs/how-to/limits.md": ("openssl", "curl"),
    "docs/how-to/several-proxies.md": ("redis-server", "openssl", "curl"),
}
RUN = [page for page in english_pages() if page not in PAGES and any(map(str, blocks_of(ROOT / page)))]


@pytest.fixture
def reader(request, tmp_path):
    """A reader of a page; what a page needs and isn't here skips it, under CI it fails."""
    page = request.param
    missing = [program for program in PROGRAMS.get(page, ()) if shutil.which(program) is None]
    missing += [f"port {port}" for port in PORTS if _is_taken(port)]
    if missing:
        message = f"{page} needs {', '.join(missing)}"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    running = PageRun(page, tmp_path)
    yield running
    running.stop()


@pytest.mark.parametrize("reader", RUN, indirect=True)
def test_every_snippet_of_a_page_does_what_the_page_says(reader, installed_demo):
    page = reader.page
    for block in blocks_of(ROOT / page):
        if reason_not_to_run(page, block) is not None:
            continue
        if INSTALLED_ONLY in block.text and not (installed_demo and page == "README.md"):
            continue
        reader.run(block)


@pytest.fixture(scope="session")
def installed_demo():
    """Whether the environment that runs the tests is one that bin/demo takes as it is."""
    import subprocess  # noqa: PLC0415  (here alone)
    import sys  # noqa: PLC0415

    stamp = Path(sys.prefix) / ".installed"
    asked = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    wanted = subprocess.run(["cksum"], input=asked, capture_output=True, check=True)
    is_installed = stamp.exists() and f"dev {wanted.stdout.decode().strip()}" in stamp.read_text().splitlines()
    assert is_installed or os.environ.get("CI") != "true"
    return is_installed


def _is_taken(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_blocks_that_are_not_run_are_on_pages_that_are():
    on_pages = [block for page in RUN for block in blocks_of(ROOT / page)]
    assert [words for words in BLOCKS if not any(words in block.text for block in on_pages)] == []


@pytest.mark.parametrize("page", RUN)
def test_a_page_that_is_run_says_of_each_block_what_it_is(page):
    unnamed = [block.line for block in blocks_of(ROOT / page) if not block.language]
    assert unnamed == [], "give these a fence with a language"
