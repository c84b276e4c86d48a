"""The page at /docs in a real browser, on two widths."""

from playwright.sync_api import expect

WIDTHS = (1280, 400)


class Visit:
    """A page as a visitor has it open, with what the browser complained of and asked for."""

    def __init__(self, page, url):
        self.page = page
        self.complaints = []
        self.requests = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(f"{url}/docs")
        page.wait_for_selector("html[data-ready]")

    def analyse(self, text, operation="analyze"):
        self.page.check(f"#operation-{operation}")
        self.page.fill("#text", text)
        self.page.click("#send")
        expect(self.page.locator("#send")).to_be_enabled()

    def option(self, name, value):
        self.page.eval_on_selector("#options-box", "box => { box.open = true }")
        self.page.select_option(f"#option-{name}", value)

    def tokens(self):
        """Return (form, tag, start, end) of the tokens that are shown, in the order of their positions."""
        shown = self.page.eval_on_selector_all(
            ".token",
            """tokens => tokens.map(token => [
              token.querySelector(".form").textContent, token.querySelector(".tag").textContent,
              Number(token.dataset.start), Number(token.dataset.end)])""",
        )
        return sorted(map(tuple, shown), key=lambda token: token[2:])

    def scrolls_sideways(self):
        return self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
