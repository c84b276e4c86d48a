"""Files outside of docs/ that its pages link to: each becomes a page of the site, so that the site is whole."""

import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

_LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")
_CODE = re.compile(r"^```.*?^```|^(?: {4}).*?$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
FOLDER = "files"
_LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".sh": "sh", ".java": "java"}


class OutsideFiles:
    """Finds links that lead out of docs/, leads them to pages of the site, and makes those pages.

    Args:
        root: The repository.

    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def linked(self, source: str, markdown: str) -> set[str]:
        """Return the files, from the repository on, that a page (`source`, from docs/ on) links to outside of docs/."""
        return {path for target, _ in _targets(markdown) if (path := self._outside(source, target)) is not None}

    def redirect(self, source: str, markdown: str) -> str:
        """Return the Markdown of a page with such links leading to the pages of those files."""

        def replace(found: re.Match[str]) -> str:
            path = self._outside(source, found[2])
            if path is None:
                return found[0]
            there = posixpath.relpath(page_of(path), posixpath.dirname(source) or ".")
            return f"{found[1]}{there}{found[3] or ''}{found[4]}"

        return _outside_code(markdown, lambda text: _LINK.sub(replace, text))

    def page(self, path: str) -> str:
        """Return the Markdown of the page that shows a file."""
        file = self._root / path
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".md":
            return self._relink(path, text)
        if file.suffix == ".ipynb":
            return "\n\n".join(_cell(cell) for cell in json.loads(text)["cells"])
        return f"# {path}\n\n````{_LANGUAGES.get(file.suffix, 'text')}\n{text}````\n"

    def _relink(self, path: str, text: str) -> str:
        """Return a Markdown file's text with links as its page in the site needs them."""
        here, folder = page_of(path), posixpath.dirname(path)

        def replace(found: re.Match[str]) -> str:
            target = posixpath.normpath(posixpath.join(folder, found[2]))
            if "://" in found[2] or not (self._root / target).exists():
                return found[0]
            there = target.removeprefix("docs/") if target.startswith("docs/") else page_of(target)
            if (self._root / target).is_dir():
                return found[0]
            return f"{found[1]}{posixpath.relpath(there, posixpath.dirname(here))}{found[3] or ''}{found[4]}"

        return _outside_code(text, lambda part: _LINK.sub(replace, part))

    def _outside(self, source: str, target: str) -> str | None:
        if "://" in target or target.startswith(("/", "mailto:")):
            return None
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), target))
        inside = path.startswith("docs/") or path == "docs"
        return path if not inside and (self._root / path).is_file() else None


def page_of(path: str) -> str:
    """Return the page, from docs/ on, that shows a file of the repository."""
    return f"{FOLDER}/{path}" if path.endswith(".md") else f"{FOLDER}/{path}.md"


def _targets(markdown: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    _outside_code(markdown, lambda text: found.extend((one[2], one[3] or "") for one in _LINK.finditer(text)) or text)
    return found


def _outside_code(markdown: str, change: Callable[[str], str]) -> str:
    parts, at = [], 0
    for code in _CODE.finditer(markdown):
        parts += [change(markdown[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*parts, change(markdown[at:])])


def _cell(cell: dict[str, object]) -> str:
    source = cell["source"]
    text = "".join(source) if isinstance(source, list) else str(source)
    return text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
