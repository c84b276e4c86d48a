"""What is served of the page, without a server: its files, and that it needs nothing from anywhere else."""

import re

import pytest

from nlpbatch.server.pages import _POLICY, _resources
from nlpbatch.wire.limits import SizeLimits

RESOURCES = _resources(SizeLimits())
TEXTS = {path: one.body.decode() for path, one in RESOURCES.items() if path != "/openapi.json"}


def test_the_page_and_its_description_have_their_paths_and_types():
    types = {path: one.content_type for path, one in RESOURCES.items()}
    assert types["/docs"] == "text/html"
    assert types["/docs/docs.js"] == "text/javascript"
    assert types["/docs/docs.css"] == "text/css"
    assert types["/openapi.json"] == "application/json"


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
