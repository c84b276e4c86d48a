"""The page of all runs, as one file that needs nothing else; served, it reads the records again every two seconds."""

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

_STATIC: Final = files("nlpbatch.pipelines").joinpath("static")


def to_html(found: Mapping[str, Any], *, live: bool = False, recipes: bool = False) -> str:
    """Return the page.

    Args:
        found: What `overview` returned.
        live: Whether it asks for `runs.json` beside it.
        recipes: Whether to link to the page that edits recipes.

    """
    # "<" can't end the script; all else that JSON has is harmless there.
    data = json.dumps(found, ensure_ascii=False).replace("<", "\\u003c")
    links = '<nav><a href="recipes">Edit recipes</a></nav>' if recipes else ""
    title = html.escape(f"Runs below {found['url']}")
    return (
        f'<!doctype html>\n<html lang="en" data-live="{str(live).lower()}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{title}</title>\n<style>{_asset('page.css')}</style>\n</head>\n<body>\n"
        f'<header><h1>{title}</h1><p id="at"></p>{links}</header>\n<main></main>\n'
        f'<script type="application/json" id="found">{data}</script>\n<script>{_script()}</script>\n'
        "</body>\n</html>\n"
    )


def policy() -> str:
    """Return the Content-Security-Policy of the served page: its own script and style, and nothing else."""
    script, style = (f"'sha256-{_hash(text)}'" for text in (_script(), _asset("page.css")))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src data:; connect-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _script() -> str:
    return _asset("elements.js") + _asset("page.js")


@cache
def _asset(name: str) -> str:
    return _STATIC.joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
