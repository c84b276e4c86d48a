"""How long a browser takes to open a report, until all its charts are drawn.

    python tests/benchmarks/report_page.py REPORT.html

The report is one of `nlpbatch profile`; the browser is Chromium as installed, headless. --pictures keeps pictures.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.integration.conftest import chromium

WIDTHS = (1280, 400)
DRAWN = "() => document.querySelectorAll('.chart svg').length === Object.keys(specs).length"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="keep one of each width")
    arguments = parser.parse_args()
    found: dict[str, object] = {"MB": round(arguments.report.stat().st_size / 1e6, 2)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(playwright))
        for width in WIDTHS:
            opened = [_open(browser, arguments.report, width, arguments.pictures) for _ in range(arguments.rounds)]
            found[f"{width} px, s"] = round(statistics.median(seconds for seconds, _ in opened), 2)
            found[f"{width} px, errors"] = sorted({error for _, errors in opened for error in errors})
        browser.close()
    print(json.dumps(found, indent=2))
    return 0


def _open(browser: Browser, report: Path, width: int, pictures: Path | None) -> tuple[float, list[str]]:
    """Return the seconds until everything is drawn, and what the page complains of."""
    page, errors = browser.new_page(viewport={"width": width, "height": 900}), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    began_s = time.perf_counter()
    page.goto(report.resolve().as_uri())
    page.wait_for_function(DRAWN)
    took_s = time.perf_counter() - began_s
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=pictures / f"{width}.png", full_page=True)
    page.close()
    return took_s, errors


if __name__ == "__main__":
    sys.exit(main())
