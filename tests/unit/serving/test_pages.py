"""What is served of pages, without a server: their files, and that they need nothing from anywhere else."""

import re

import pytest

from nlpbatch.serving.pages import POLICY, page_resources

PAGES = {
    "/docs": page_resources("nlpbatch.server", "/docs"),
    "/dashboard": page_resources("proxy.console", "/dashboard"),
}
TEXTS = {page: {path: one.body.decode() for path, one in found.items()} for page, found in PAGES.items()}


@pytest.mark.parametrize("page", PAGES)
def test_the_page_and_its_files_have_their_paths_and_types(page):
    types = {path: one.content_type for path, one in PAGES[page].items()}
    assert types[page] == "text/html"
    assert types[f"{page}{page}.js"] == "text/javascript"
    assert types[f"{page}{page}.css"] == "text/css"


@pytest.mark.parametrize(("page", "path"), [(page, path) for page, texts in TEXTS.items() for path in texts])
def test_nothing_comes_from_anywhere_else(page, path):
    text = re.sub(r"^\s*//.*|\s// .*", "", TEXTS[page][path], flags=re.MULTILINE)
    assert set(re.findall(r"(?:https?:)?//[a-z][^\s\"']*", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("page", PAGES)
def test_the_page_has_no_script_or_style_that_the_policy_would_forbid(page):
    assert "unsafe" not in POLICY
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", TEXTS[page][page])


@pytest.mark.parametrize("page", PAGES)
def test_all_that_the_page_names_is_there(page):
    texts = TEXTS[page]
    named = {f"/{name}" for name in re.findall(rf'(?:src|href)="({page[1:]}/[^"]+)"', texts[page])}
    modules = {f"{page}/{name}" for text in texts.values() for name in re.findall(r'from "\./([^"]+)"', text)}
    assert named | modules | {page} == set(texts)
