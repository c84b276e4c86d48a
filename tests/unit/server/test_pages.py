"""What is served of the page, without a server: its files, and that it needs nothing from anywhere else."""

import re

import pytest

from nlpbatch.errors import NoCapacity
from nlpbatch.server.pages import _POLICY, Description, page_resources
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue, OfferedOperation
from nlpbatch.wire.limits import SizeLimits

RESOURCES = page_resources()
TEXTS = {path: one.body.decode() for path, one in RESOURCES.items()}


def test_the_page_and_its_files_have_their_paths_and_types():
    types = {path: one.content_type for path, one in RESOURCES.items()}
    assert types["/docs"] == "text/html"
    assert types["/docs/docs.js"] == "text/javascript"
    assert types["/docs/docs.css"] == "text/css"


@pytest.mark.parametrize("path", TEXTS)
def test_nothing_comes_from_anywhere_else(path):
    addresses = set(
        re.findall(r"(?:https?:)?//[a-z][^\s\"']*", re.sub(r"^\s*//.*|\s// .*", "", TEXTS[path], flags=re.MULTILINE))
    )
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_the_page_has_no_script_or_style_that_the_policy_would_forbid():
    page = TEXTS["/docs"]
    assert "unsafe" not in _POLICY
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)


def test_all_that_the_page_names_is_there():
    named = {f"/{name}" for name in re.findall(r'(?:src|href)="(docs/[^"]+)"', TEXTS["/docs"])}
    modules = {f"/docs/{name}" for text in TEXTS.values() for name in re.findall(r'from "\./([^"]+)"', text)}
    assert named | modules | {"/docs"} == set(TEXTS)


def info(name="default", fingerprint="1"):
    operations = (OfferedOperation("analyze", "/v1/analyze", "…"),)
    return AnalyzerInfo(name, fingerprint, "kiwi", "cong", {}, ("form",), operations)


def test_the_description_says_that_the_analyzers_are_being_loaded_until_they_have():
    loaded: list[AnalyzerInfo] = []

    def catalogue():
        if not loaded:
            raise NoCapacity("still being loaded")
        return Catalogue(tuple(loaded), SizeLimits())

    description = Description(SizeLimits(), catalogue)
    before = description.resource()
    assert b"are still being loaded" in before.body
    assert b"/v1/sentences" in before.body
    assert description.resource() is before
    loaded.append(info())
    after = description.resource()
    assert b"are still being loaded" not in after.body
    assert b"/v1/sentences" not in after.body  # no analyzer offers it
    assert after.etag != before.etag
    assert description.resource() is after
