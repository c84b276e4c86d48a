"""What MkDocs calls before it builds the site: the pages of docs/ are copied, and generated ones are added to them.

They are files, because the plugin for languages knows no others.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from command_reference import command_page  # noqa: E402  (on the path since the line above)
from http_reference import http_page  # noqa: E402
from outside_files import OutsideFiles, page_of  # noqa: E402
from settings_reference import proxy_page, recipe_page, server_page  # noqa: E402

_GENERATED = {
    "reference/proxy-toml.md": lambda: proxy_page(ROOT),
    "reference/server-toml.md": lambda: server_page(ROOT),
    "reference/recipe-toml.md": recipe_page,
    "reference/command-line.md": command_page,
    "reference/http.md": http_page,
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have the site made of the copy; once, although each language is a build of its own."""
    pages = Path(config.site_dir).with_name("pages")
    if Path(config.docs_dir) != pages:
        write_pages(pages)
        config.docs_dir = str(pages)
        _list_further_pages(pages, config.nav)
    return config


def _list_further_pages(pages: Path, nav: list[dict[str, Any]]) -> None:
    """Put pages that mkdocs.yml doesn't name yet below the others about operation: a new page is shown at once."""
    listed = str(nav)
    operation = next(entries["Operation"] for entries in nav if "Operation" in entries)
    operation += [
        page.name for page in sorted(pages.glob("*.md")) if f"'{page.name.replace('.ko.md', '.md')}'" not in listed
    ]


def write_pages(pages: Path) -> None:
    """Write all pages of the site: those of docs/, generated ones, and those that show files outside of docs/."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("generate"))
    for name, make in _GENERATED.items():
        (pages / name).write_text(make(), encoding="utf-8")
    with (pages / "explanation" / "decisions.md").open("a", encoding="utf-8") as listing:
        listing.write("\n" + "".join(_decisions(pages / "decisions")))
    outside = OutsideFiles(ROOT)
    linked: set[str] = set()
    for page in pages.rglob("*.md"):
        name, markdown = page.relative_to(pages).as_posix(), page.read_text(encoding="utf-8")
        linked |= outside.linked(name, markdown)
        page.write_text(outside.redirect(name, markdown), encoding="utf-8")
    for path in linked:
        page = pages / page_of(path)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(outside.page(path), encoding="utf-8")


def _decisions(folder: Path) -> Iterator[str]:
    """Yield a line of a list for each decision; its title begins with its number."""
    for page in sorted(folder.glob("*.md")):
        number, _, title = page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").partition(". ")
        yield f"- {number}: [{title}](../decisions/{page.name})\n"
