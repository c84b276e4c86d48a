"""Takes HTML and control characters out of texts.

Only elements that HTML has are markup: `<Her>` and `<명량>` are titles of films, and `<3` is a heart.
"""

import html
import re
from html.entities import html5
from typing import Final

_BLOCKS: Final = (
    "address|article|aside|blockquote|body|br|caption|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|head|header|hr|html|legend|li|main|nav|ol|option|p|pre|section|summary|table|tbody|td|tfoot|th|"
    "thead|title|tr|ul"
)
_INLINE: Final = (
    "a|abbr|acronym|area|audio|b|base|bdi|bdo|big|button|canvas|cite|code|col|colgroup|data|datalist|del|dfn|em|embed|"
    "font|i|iframe|img|input|ins|kbd|label|link|map|mark|meta|meter|noscript|object|optgroup|output|param|picture|"
    "progress|q|rp|rt|ruby|s|samp|script|select|slot|small|source|span|strike|strong|style|sub|sup|svg|template|"
    "textarea|time|track|tt|u|var|video|wbr"
)
_TAG: Final = re.compile(rf"</?(?:(?P<block>{_BLOCKS})|{_INLINE})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"<(script|style)(?=[\s/>])[^<>]*>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_AROUND_BREAKS: Final = re.compile(r"[ \t]*\n\s*")
_BREAKS: Final = re.compile("[\x0b\x0c\x85]")
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")


def without_html(text: str) -> str:
    """Return the text without tags, comments, scripts and styles, with entities resolved.

    Elements that begin a line of their own leave a line break; a text without markup stays as it is.
    """
    if "<" in text:
        bare = _TAG.sub(_replaced, _without_hidden(_without_comments(text)))
        if bare != text:
            text = _AROUND_BREAKS.sub("\n", bare).strip()
    return _ENTITY.sub(_resolved, text) if "&" in text else text


def without_control_characters(text: str) -> str:
    """Return the text without control characters and byte order marks; tabs and line breaks stay.

    Vertical tabs, form feeds and next lines become line feeds.
    """
    return _CONTROL.sub("", _BREAKS.sub("\n", text))


def _replaced(tag: re.Match[str]) -> str:
    return "\n" if tag["block"] else ""


def _resolved(entity: re.Match[str]) -> str:
    if entity[0][1] != "#" and entity[0][1:] not in html5:
        return entity[0]
    found = html.unescape(entity[0])
    return " " if found == "\u00a0" else found


def _without_comments(text: str) -> str:
    parts, position = [], 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts.append(text[position:start])
        position = end + 3
    return "".join([*parts, text[position:]])


def _without_hidden(text: str) -> str:
    """Leave out what is between the tags of scripts and styles; without an end tag it stays."""
    parts, position, missing = [], 0, set[str]()
    for found in _HIDDEN.finditer(text):
        name = found[1].lower()
        if found.start() < position or name in missing:
            continue
        end = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(text, found.end())
        if end is None:
            missing.add(name)
            continue
        parts.append(text[position : found.start()])
        position = end.end()
    return "".join([*parts, text[position:]])
