"""A browser that shows the page of a server, and what the page promises wherever it is used: nothing foreign is asked for, no
rule of its own is broken, and the console stays empty."""

import contextlib
import os
import pathlib
import shutil
import sys

PYTHON = os.environ.get("SIROCCO_TEST_BROWSER_CLIENTS")
if not PYTHON:
    sys.exit("SIROCCO_TEST_BROWSER_CLIENTS must name the Python of the environment that scripts/setup --tests makes")
_environment = pathlib.Path(PYTHON).absolute().parent.parent
if pathlib.Path(sys.prefix).resolve() != _environment.resolve():
    os.execv(PYTHON, [PYTHON, *sys.argv])

# pylint: disable=wrong-import-position
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 30_000  # reached by failures only
expect.set_options(timeout=PATIENCE_MS)

# What no answer may bring onto the page; symbols of the page itself are `svg.icon`.
FORBIDDEN = ("script, iframe, frame, object, embed, img, picture, video, audio, source, style, link, base, meta, math, form, input, "
             "button:not([type=button]), textarea, select, template, marquee, svg:not(.icon), [style], [srcdoc], [src], "
             "a:not([rel~=noopener]), a:not([rel~=noreferrer])")


@contextlib.contextmanager
def chromium():
    """One browser, closed at the end. As root it has no sandbox of its own."""
    options = ["--disable-gpu", "--disable-dev-shm-usage", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A tab with a profile of its own at the server's page."""

    def __init__(self, browser, url, **options):
        self.url = url
        self.foreign, self.told, self.bodies = [], [], []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options})
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        self.context.route(lambda address: not address.startswith(url + "/"), self._refuse)
        self.context.on("console", lambda message: self.told.append(message.text) if message.type in ("error", "warning") else None)
        self.context.on("weberror", lambda error: self.told.append(str(error.error)))
        self.context.on("request", self._note)
        self.context.add_init_script("""
            window.hits = [];
            window.violations = [];
            addEventListener('securitypolicyviolation', ({violatedDirective, blockedURI}) => violations.push(violatedDirective + ' ' + blockedURI));
            window.alert = window.confirm = window.prompt = (text) => hits.push(String(text));""")
        self.page = self.context.new_page()

    def _refuse(self, route):
        self.foreign.append(route.request.url)
        route.abort()

    def _note(self, request):
        if request.method == "POST":
            kind = request.headers.get("content-type", "")
            self.bodies.append(request.post_data_json if kind == "application/json" else request.post_data_buffer)

    def open(self, path="/"):
        self.page.goto(self.url + path)
        self.page.locator("html[data-ready]").wait_for(state="attached")
        return self

    def check(self, told=()):
        """Throws unless the page has kept its promises. `told`: what the console may say."""
        unexpected = [text for text in self.told if not any(part in text for part in told)]
        found = {"foreign": self.foreign, "console": unexpected, **self.page.evaluate("({hits, violations})")}
        bad = self.page.locator("#messages").evaluate(
            "(box, forbidden) => [...box.querySelectorAll('.prose, .prose *, .said, .said *')]"
            ".filter((it) => it.matches(forbidden) || [...it.attributes].some(({name}) => name.startsWith('on')) ||"
            " (it.localName === 'a' && !['http:', 'https:', 'mailto:'].includes(it.protocol))).map((it) => it.outerHTML)", FORBIDDEN)
        problems = {what: list(those) for what, those in {**found, "elements": bad}.items() if those}
        assert not problems, problems

    def close(self):
        self.context.close()
