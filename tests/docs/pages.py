"""The pages of the documentation: which there are, in which languages."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
KOREAN = ".ko.md"


def english_pages() -> list[str]:
    """Return the README and all pages of docs/ but decisions, from the repository on."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        page.relative_to(ROOT).as_posix()
        for page in found
        if not page.name.endswith(KOREAN) and page.parent.name != "decisions"
    ]


def korean_page(page: str) -> Path | None:
    """Return the Korean page beside an English one, None if it isn't translated."""
    file = ROOT / page.replace(".md", KOREAN)
    return file if file.exists() else None
