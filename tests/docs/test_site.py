"""bin/docs: the site builds strictly in both languages, with nothing from elsewhere."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

FETCHED = re.compile(r"""(?:<script[^>]*\ssrc|<link[^>]*\shref|<img[^>]*\ssrc|@import|url\()[="'(\s]*(https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; without MkDocs the tests are skipped, under CI they fail."""
    if any(importlib.util.find_spec(name) is None for name in ("mkdocs", "mkdocs_static_i18n", "mkdocstrings")):
        message = "needs MkDocs: pip install 'nlpbatch[docs]'"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    directory = tmp_path_factory.mktemp("docs") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-5000:]
    return directory


def page(site, name):
    return re.sub(r"<[^>]+>", "", (site / name).read_text(encoding="utf-8"))


def test_both_languages_have_every_page(site):
    english = {file.relative_to(site) for file in site.rglob("*.html")} - {(site / "404.html").relative_to(site)}
    korean = {file.relative_to(site / "ko") for file in (site / "ko").rglob("*.html")}
    assert korean == {file for file in english if file.parts[0] != "ko"}
    assert "시작하기" in page(site, "ko/index.html")
    assert "시작하기" not in page(site, "proxy.html")


def test_nothing_is_fetched_from_elsewhere(site):
    fetching = [file for kind in ("*.html", "*.css") for file in site.rglob(kind) if FETCHED.search(file.read_text())]
    assert fetching == []


def test_the_reference_has_all_settings_commands_and_paths(site):
    assert "bytes_per_month" in page(site, "reference/proxy-toml.html")
    assert "enabled_dialects" in page(site, "reference/server-toml.html")
    assert "max_record_lines" in page(site, "reference/recipe-toml.html")
    commands = page(site, "reference/command-line.html")
    assert all(name in commands for name in ("nlpbatch proxy key create", "jobs/replay.py", "--accept-new-version"))
    assert "/v1/sentences" in page(site, "reference/http.html")
    assert "analyze_table" in page(site, "reference/python.html")
