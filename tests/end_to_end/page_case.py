"""What the tests of the web page share: a server with models whose answers are known beforehand, and what people do on the page."""

import json
import unittest

from browser import PATIENCE_MS, Tab, expect
from chain_model import write_chain
from program import HOME
from server_process import ServerProcess

ANSWER = ["# Winds", "\n\nA **warm", " wind** from `the", " south`:\n\n", "- dry\n", "  - dusty\n\n", "```python\n", "def blow(",
          "speed):\n    return 2 * speed  # km/h\n", "```\n\n", "| wind | from |\n", "|---|--:|\n", "| sirocco | south |\n\n",
          "<img src=x onerror=alert(1)> ", "[more](https://winds.example/sirocco)", " [not](javascript:alert(2))\n"]


def start_server(*arguments):
    """Serves a model that says ANSWER, one that ends only when it is stopped, and what else the arguments say."""
    script, endless = HOME / "script", HOME / "endless"
    if not script.exists():
        write_chain(script, ANSWER)
        write_chain(endless, ["a ", "windy ", "day \n\n"], loops=True)
    return ServerProcess("-m", script, "-m", endless, *arguments, "--default-max-tokens", "50000")


def record(number, messages, **members):
    """A conversation as an exported file has it; each message follows the one before."""
    listed, parent = [], None
    for i, (role, content) in enumerate(messages):
        listed.append({"id": f"m{number}-{i}", "parent": parent, "role": role, "content": content, "created": 1000 + i,
                       **({"finish": "stop"} if role == "assistant" else {})})
        parent = listed[-1]["id"]
    return {"id": f"c{number}", "title": f"Number {number}", "named": True, "created": 1000, "updated": 2000 + number,
            "model": None, "system": "",
            "sampling": {}, "messages": listed, "chosen": {}, **members}


def file_of(*records, **members):
    whole = {"format": "sirocco conversations", "version": 1, "conversations": records, **members}
    return {"name": "c.json", "mimeType": "application/json", "buffer": json.dumps(whole).encode()}


class OfThePage(unittest.TestCase):
    """Each test has a tab of its own, at the page."""

    server = None  # both are set before the tests run
    browser = None

    def tab(self, path="/", told=(), url=None, **options):
        tab = Tab(self.browser, url or self.server.url, **options)
        self.addCleanup(tab.close)
        self.addCleanup(tab.check, told)
        return tab.open(path) if path else tab

    def setUp(self):
        self.page = self.tab().page

    def field(self, page=None):
        return (page or self.page).get_by_role("textbox", name="Message")

    def button(self, name, page=None, within=None):
        return (within or page or self.page).get_by_role("button", name=name, exact=True)

    def answers(self, page=None):
        return (page or self.page).locator(".message.assistant")

    def ended(self, page=None, answers=1):
        """Waits until so many answers are shown and none is being written."""
        page = page or self.page
        expect(self.answers(page)).to_have_count(answers)
        expect(page.locator(".writing")).to_have_count(0)

    def send(self, text, page=None, answers=1):
        self.field(page).fill(text)
        self.field(page).press("Enter")
        self.ended(page, answers)

    def until(self, condition, value=None, page=None):
        """Waits until an expression of `value` holds. (Playwright's own way needs `eval` on the page, which the page forbids.)"""
        (page or self.page).evaluate(f"""(value) => new Promise((resolve, reject) => {{
          let tries = {PATIENCE_MS} / 20;
          const look = () => {{
            if ({condition}) resolve();
            else if ((tries -= 1) < 0) reject(new Error("it never came to pass"));
            else setTimeout(look, 20);
          }};
          look();
        }})""", value)

    def choose(self, model, page=None):
        (page or self.page).get_by_label("Model").select_option(model)

    def begin_endless(self):
        # So fast as a model would be that is larger: this one writes thousands of tokens a second, and would come to its limit.
        network = self.page.context.new_cdp_session(self.page)
        network.send("Network.enable")
        network.send("Network.emulateNetworkConditions",
                     {"offline": False, "latency": 0, "downloadThroughput": 60_000, "uploadThroughput": -1})
        self.choose("endless")
        self.field().fill("On and on")
        self.field().press("Enter")
        expect(self.answers().locator(".prose p").nth(2)).to_be_attached()

    def bring_in(self, *records, page=None, **members):
        page = page or self.page
        page.get_by_label("File of conversations").set_input_files(file_of(*records, **members))

    def exported(self, name):
        with self.page.expect_download() as download:
            self.button(name).click()
        with open(download.value.path(), encoding="utf-8") as file:
            return json.load(file)
