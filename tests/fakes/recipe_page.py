"""The page that edits recipes as a process of its own, and a visit of it with what the browser complained of."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

READY = "html[data-ready]"
TOKENS = {}
"""Of the pages that are served now without a key, by the beginning of their addresses."""


@contextmanager
def serving_recipes(recipes, outputs, **environment):
    """Serve the page for the time of the context, in the directory above the recipes; yield its address."""
    command = [
        sys.executable,
        "-m",
        "nlpbatch",
        "runs",
        str(outputs),
        "--serve",
        "--port",
        "0",
        "--recipes",
        str(recipes),
    ]
    variables = {**os.environ, **environment}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables, cwd=recipes.parent) as process:
        try:
            url = f"http://127.0.0.1:{json.loads(process.stderr.readline())['port']}"
            if "NLPBATCH_RUNS_KEY" not in environment:
                opened = process.stderr.readline()
                assert opened.startswith(f"nlpbatch: open {url}/recipes?token=")
                TOKENS[url] = opened.rstrip().partition("token=")[2]
            yield url
        finally:
            process.terminate()


def token_of(url):
    """Return the token of a page, None if it has none."""
    return next((token for served, token in TOKENS.items() if url.startswith(f"{served}/")), None)


class RecipeVisit:
    """A page in a browser."""

    def __init__(self, browser, url, width=1280, scheme="light"):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", lambda one: self.complaints.append(one.text) if one.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if token := token_of(url):
            self.page.goto(f"{url.partition('#')[0]}?token={token}")
        self.page.goto(url)
        self.page.wait_for_selector(READY)

    def field(self, section, key):
        return self.page.locator(f"[id='{section}.{key}']")

    def stage(self, name):
        return self.page.locator(f"[data-key='stage {name}']")

    def faults(self, section, key):
        return self.page.locator(f"[id='{section}.{key}.faults']")

    def end(self, *answered):
        """Close it; nothing may have gone wrong but answers of these statuses, which the browser notes."""
        wide = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        title = self.page.title()
        left = [one for one in self.complaints if not any(f"status of {status}" in one for status in answered)]
        self.context.close()
        assert (left, wide, title) == ([], False, "Recipes")


def ask(url, body=None, **headers):
    """Return status and answer of a request with the token; a body is sent as JSON unless the headers say otherwise."""
    token = token_of(url)
    headers = ({"Authorization": f"Bearer {token}"} if token else {}) | headers
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, sent if data else headers), timeout=60) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
