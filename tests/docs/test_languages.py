"""Korean pages are the English ones in Korean: the same snippets, headings and links."""

import re

import pytest

from tests.docs.markdown import blocks_of
from tests.docs.page_run import OUTPUTS
from tests.docs.pages import ROOT, english_pages, korean_page

TRANSLATED = [page for page in english_pages() if korean_page(page) is not None]
FIRST = {"README.md", "docs/index.md", "docs/tutorial.md"}
"""What people read first."""


def test_what_people_read_first_is_there_in_korean():
    assert set(TRANSLATED) >= FIRST


@pytest.mark.parametrize("page", TRANSLATED)
def test_snippets_are_the_same(page):
    def snippets(file):
        return [(one.language, "Output" if one.title in OUTPUTS else one.title, one.text) for one in blocks_of(file)]

    assert snippets(korean_page(page)) == snippets(ROOT / page)


@pytest.mark.parametrize("page", TRANSLATED)
def test_headings_and_links_are_the_same(page):
    def outline(file):
        text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        levels = re.findall(r"^(#+) ", text, re.MULTILINE)
        # An anchor is a heading in the language of its page.
        return levels, sorted(
            one.partition("#")[0].replace(".ko.md", ".md") for one in re.findall(r"\]\(([^)]+)\)", text)
        )

    assert outline(korean_page(page)) == outline(ROOT / page)
