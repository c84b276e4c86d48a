"""The code in a Markdown file: fenced blocks with their language and title, indented blocks, and spans."""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<language>[\w-]*)(?P<rest>[^\n]*)\n(?P<text>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL
)
_TITLE = re.compile(r'title="([^"]*)"')
_INDENTED = re.compile(r"(?:^(?: {4}[^\n]*)\n(?:[ ]*\n)*)+", re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    Args:
        language: As its fence names it; "" for an indented block or a fence that names none.
        title: A file's name, or a heading; "" without one.
        text: The code, without the fence or the indentation.
        line: Of its first line of code, from 1.

    """

    language: str
    title: str
    text: str
    line: int


def blocks_of(file: Path) -> list[Block]:
    """Return all blocks of a file in order."""
    markdown = file.read_text(encoding="utf-8")
    found = [
        (at.start(), Block(at["language"], _title(at["rest"]), at["text"], _line(markdown, at.start("text"))))
        for at in _FENCE.finditer(markdown)
    ]
    # What is fenced is no indented block, and neither is the continuation of an item of a list.
    rest = _FENCE.sub(lambda at: re.sub(r"[^\n]", "x", at[0]), markdown)
    for at in _INDENTED.finditer(rest):
        above = rest[: at.start()].rstrip("\n").rpartition("\n")[2]
        if rest[: at.start()].endswith("\n\n") and not above.lstrip().startswith(("- ", "* ")):
            text = re.sub(r"^ {4}", "", at[0], flags=re.MULTILINE).rstrip("\n") + "\n"
            found.append((at.start(), Block("", "", text, _line(markdown, at.start()))))
    return [block for _, block in sorted(found, key=lambda one: one[0])]


def spans_of(file: Path) -> list[Block]:
    """Return the spans of code in a file's text."""
    markdown = file.read_text(encoding="utf-8")
    rest = _FENCE.sub(lambda at: re.sub(r"[^\n]", " ", at[0]), markdown)
    return [Block("", "", at[1], _line(markdown, at.start())) for at in _SPAN.finditer(rest)]


def _title(rest: str) -> str:
    found = _TITLE.search(rest)
    return found[1] if found else ""


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
