"""The web page: keys, colours, narrow and wide windows, screen readers, and servers that want a key or are gone."""

import urllib.error
import urllib.request

from axe_playwright_python.sync_playwright import Axe

from browser import expect
from page_case import ANSWER, OfThePage, record, start_server

KEY = "a-key-of-the-test"
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
# A text and what stands behind it, as the browser mixes them; what is see-through counts with what is behind.
CONTRASTS = """() => {
  const channels = (colour) => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (it) => {
    for (; it; it = it.parentElement) {
      const colour = channels(getComputedStyle(it).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return channels(getComputedStyle(document.body).backgroundColor);
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const it = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || it.closest(':disabled, noscript')) continue;
    if (!it.checkVisibility({checkVisibilityCSS: true})) continue;
    texts += 1;
    const [a, b] = [light(channels(getComputedStyle(it).color)), light(behind(it))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) low.push([it.className || it.localName, walker.currentNode.data.slice(0, 20), contrast]);
  }
  return [texts, low];
}"""


def answer_with(page, **answer):
    """In place of the server's."""
    page.route("**/v1/chat/completions", lambda route: route.fulfill(**answer))


class Use(OfThePage):
    def everything(self, page):
        """A conversation with a bit of all that there is."""
        rest = ("\n> quote\n\n1. one\n\n~~gone~~\n\n---\n\n- [x] done\n\n```js\n@a /* c */ f(1, true, 'x');\n```\n"
                "```diff\n+a\n-b\n@@ 1 @@\n```\n```html\n<a href='x'>&amp;</a>\n```")
        made = record(1, [("user", "A question"), ("assistant", "".join(ANSWER) + rest)])
        made["messages"][1].update(reasoning="Hm, *thoughts*", problem="It failed.", warnings=["A warning."],
                                   figures={"promptTokens": 60000, "answerTokens": 5000, "tokensPerSecond": 20.5,
                                            "firstTokenSeconds": 0.2})
        self.bring_in(made, page=page)
        expect(self.answers(page)).to_have_count(1)
        page.locator(".thoughts summary").click()

    def test_by_keys_alone(self):
        page = self.page
        page.keyboard.press("Escape")
        expect(self.field()).to_be_focused()
        page.keyboard.type("a line")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("another")
        expect(self.field()).to_have_value("a line\nanother")
        page.keyboard.press("Enter")
        self.ended()
        expect(page.locator(".said")).to_have_text("a line\nanother", use_inner_text=True)
        page.keyboard.press("ArrowUp")
        expect(page.get_by_label("Edit the message")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_label("Edit the message")).to_have_count(0)
        expect(self.button("Edit", within=page.locator(".message.user"))).to_be_focused()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("/")
        expect(self.field()).to_be_focused()
        page.keyboard.type("?/")
        expect(self.field()).to_have_value("?/")
        page.keyboard.press("Control+Shift+o")
        expect(page.locator("#welcome")).to_be_visible()
        page.keyboard.press("Control+k")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.locator(".row-title")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".said")).to_have_count(1)
        page.keyboard.press("Control+b")
        expect(page.locator("#sidebar")).to_be_hidden()
        expect(self.button("Show conversations")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#sidebar")).to_be_visible()

    def test_the_skip_link_and_the_order_of_tabs(self):
        from_the_top = "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')"
        self.page.evaluate(from_the_top)
        self.page.keyboard.press("Tab")
        expect(self.page.get_by_role("link", name="Skip to the message field")).to_be_focused()
        self.page.keyboard.press("Enter")
        expect(self.field()).to_be_focused()
        self.page.evaluate(from_the_top)
        names = []
        for _ in range(13):
            self.page.keyboard.press("Tab")
            names.append(self.page.evaluate(
                "(({id, textContent, ariaLabel}) => id || textContent.trim() || ariaLabel)(document.activeElement)"))
        self.assertEqual(names[:4], ["Skip to the message field", "close-sidebar", "new", "search"])
        self.assertEqual(names[-4:], ["model", "settings", "thread", "message"])

    def test_enter_while_a_word_is_composed_sends_nothing(self):
        self.field().fill("にほん")
        self.field().evaluate(
            "(it) => it.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))")
        expect(self.field()).to_have_value("にほん")
        expect(self.page.locator(".message")).to_have_count(0)

    def test_an_empty_message_is_not_sent(self):
        expect(self.button("Send")).to_be_disabled()
        self.field().fill(" \n ")
        self.field().press("Enter")
        expect(self.button("Send")).to_be_disabled()
        expect(self.page.locator(".message")).to_have_count(0)

    def test_escape_stops(self):
        self.begin_endless()
        self.page.keyboard.press("Escape")
        self.ended()
        expect(self.answers().locator(".figures")).to_contain_text("stopped")

    def test_light_and_dark(self):
        page = self.tab(color_scheme="dark").page
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        page.emulate_media(color_scheme="light")
        light = page.evaluate(ground)
        self.assertNotEqual(dark, light)
        self.button("Colours: the system's", page).click()
        self.button("Colours: light", page).click()
        self.assertEqual(page.evaluate(ground), dark)
        page.reload()
        self.assertEqual(page.evaluate(ground), dark)
        self.button("Colours: dark", page).click()
        self.assertEqual(page.evaluate(ground), light)

    def test_contrast_and_rules_of_accessibility(self):
        for scheme in ("light", "dark"):
            with self.subTest(scheme):
                page = self.tab(color_scheme=scheme).page
                self.everything(page)
                self.button("Settings of this conversation", page).click()
                texts, low = page.evaluate(CONTRASTS)
                self.assertEqual(low, [])
                self.assertGreater(texts, 60)
                self.assert_accessible(page)
                page.keyboard.press("Escape")
                self.assert_accessible(page)

    def assert_accessible(self, page, rules=20):
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
                                                     "best-practice"]}).response
        self.assertGreater(len(found["passes"]), rules)
        self.assertEqual([(item["id"], [node["html"] for node in item["nodes"]][:3]) for item in found["violations"]], [])

    def test_a_phone(self):
        page = self.tab(**PHONE).page
        self.everything(page)
        self.choose("script", page)
        wide = """[...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > 360.5 &&
                  it.checkVisibility({checkVisibilityCSS: true}) && !it.closest('pre, .table, .visually-hidden'))
                  .map((it) => it.outerHTML.slice(0, 80))"""
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 360)
        self.assertEqual(page.evaluate(wide), [])
        expect(page.locator("#sidebar")).to_be_hidden()
        self.button("Show conversations", page).click()
        expect(page.locator("#sidebar")).to_be_visible()
        self.assertTrue(page.locator("main").evaluate("(it) => it.inert"))
        self.assert_accessible(page)
        page.locator(".row-title").click()
        expect(page.locator("#sidebar")).to_be_hidden()
        # Enter is a new line there, and a button sends.
        self.field(page).fill("a")
        self.field(page).press("Enter")
        self.assertEqual(self.field(page).input_value(), "a\n")
        self.button("Send", page).click()
        self.ended(page, answers=2)
        small = page.evaluate("""[...document.querySelectorAll('button, select, summary')].filter((it) =>
                              it.checkVisibility({checkVisibilityCSS: true}) && it.getBoundingClientRect().height < 24)
                              .map((it) => it.outerHTML)""")
        self.assertEqual(small, [])  # WCAG 2.2, 2.5.8

    def test_what_is_said_to_screen_readers(self):
        heard = """const live = document.getElementById('live');
                   new MutationObserver(() => { if (live.textContent) heard.push(live.textContent); }).observe(live, {childList: true});"""
        self.page.evaluate("window.heard = []; " + heard)
        self.send("Say it")
        self.until("heard.length >= 2")
        said = self.page.evaluate("heard")
        self.assertEqual(len(said), 2, said)
        self.assertEqual(said[0], "The answer is being written.")
        self.assertEqual(said[1], "Answer: " + "".join(ANSWER))
        live = self.page.locator("[aria-live]").evaluate_all("(all) => all.map((it) => it.id)")
        self.assertEqual(live, ["live"])

    def test_nothing_moves_when_an_answer_ends(self):
        self.begin_endless()
        self.page.keyboard.press("Escape")
        self.ended()
        self.page.evaluate("document.querySelector('.message.assistant').classList.add('writing')")
        height = "document.getElementById('messages').offsetHeight"
        before = self.page.evaluate(height)
        self.page.evaluate("document.querySelector('.message.assistant').classList.remove('writing')")
        self.assertEqual(self.page.evaluate(height), before)

    def test_a_refusal_is_told_in_plain_words(self):
        for status, body, told in (
                (400, '{"error": {"message": "the prompt has 9 tokens too many"}}', "The prompt has 9 tokens too many."),
                (429, '{"error": {"message": "1,024 wait"}}', "Too many requests are waiting. Try again in a moment. (1,024 wait.)"),
                (503, '{"error": {"message": "the server ends"}}', "The server isn't ready. The server ends."),
                (502, "<html>", "The server failed. The server answered 502.")):
            page = self.tab(told=("Failed to load resource",)).page
            answer_with(page, status=status, body=body)
            self.send("a", page)
            expect(self.answers(page).locator(".problem")).to_have_text(told)

    def test_streams_that_break_off_and_thoughts(self):
        def chunk(**delta):
            return 'data: {"choices":[{"index":0,"delta":' + str(delta).replace("'", '"') + "}]}\n\n"

        for stream, told in ((chunk(content="Begun"), "The connection ended before the answer did."),
                             (chunk(content="Begun") + 'data: {"error":{"message":"a step failed"}}\n\n',
                              "The server failed. A step failed."),
                             (chunk(content="Begun") + "data: nonsense\n\n", "The server sent something that is no answer."),
                             (": comment\r\n\r\n" + chunk(reasoning_content="So...") + chunk(content="Begun") + "data: [DONE]\r\n\r\n", None)):
            page = self.tab().page
            answer_with(page, content_type="text/event-stream", body=stream)
            self.send("a", page)
            answer = self.answers(page)
            expect(answer.locator("article > .prose")).to_have_text("Begun")
            expect(answer.locator(".problem")).to_have_text([told] if told else [])
            if not told:
                expect(answer.locator(".thoughts .prose")).to_be_hidden()
                answer.locator("summary").click()
                expect(answer.locator(".thoughts .prose")).to_have_text("So...")

    def test_a_page_that_is_left_in_the_middle(self):
        self.begin_endless()
        self.page.reload()
        # The question is kept; the answer as far as it was.
        expect(self.page.locator(".said")).to_have_text(["On and on"])
        expect(self.answers().locator(".problem")).to_have_text("The answer was interrupted.")
        self.page.locator("#model").select_option("script")
        self.button("Another answer").click()
        expect(self.page.locator(".place")).to_have_text("2/2")
        self.ended()


class ApiKey(OfThePage):
    @classmethod
    def setUpClass(cls):
        cls.server = start_server("--api-key", KEY)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        """No tab: each test opens its own."""

    def give(self, page, key, remember=False):
        page.get_by_label("Key", exact=True).fill(key)
        if remember:
            page.get_by_label("Remember it in this browser").check()
        page.get_by_role("button", name="Use this key").click()

    def open(self):
        page = self.tab(told=("status of 401",), path=None).page
        page.goto(self.server.url)
        expect(page.get_by_role("dialog", name="API key")).to_be_visible()
        return page

    def test_it_is_asked_for(self):
        page = self.open()
        self.give(page, "wrong")
        expect(page.get_by_role("alert")).to_have_text("The server doesn't know that key.")
        self.give(page, KEY)
        expect(page.get_by_role("dialog")).to_have_count(0)
        self.send("a", page)
        page.reload()
        expect(page.get_by_label("Model")).to_be_enabled()
        # It is this tab's alone.
        other = page.context.new_page()
        other.goto(self.server.url)
        expect(other.get_by_role("dialog", name="API key")).to_be_visible()
        self.assertIsNone(page.evaluate("localStorage.getItem('sirocco.key')"))

    def test_it_is_remembered_and_forgotten(self):
        page = self.open()
        self.give(page, KEY, remember=True)
        expect(page.get_by_label("Model")).to_be_enabled()
        other = page.context.new_page()
        other.goto(self.server.url)
        expect(other.get_by_label("Model")).to_be_enabled()
        self.button("Settings of this conversation", other).click()
        self.button("Forget the API key", other).click()
        expect(other.get_by_role("dialog", name="API key")).to_be_visible()
        self.assertIsNone(other.evaluate("localStorage.getItem('sirocco.key')"))

    def test_a_server_without_the_page(self):
        server = start_server("--no-ui")
        self.addCleanup(server.close)
        for path, status in (("/", 404), ("/page/main.js", 404), ("/v1/models", 200)):
            try:
                found = urllib.request.urlopen(server.url + path).status
            except urllib.error.HTTPError as error:
                found = error.code
            self.assertEqual(found, status, path)

    def test_a_server_that_goes(self):
        server = start_server()
        page = self.tab(told=("Failed to load resource", "ERR_CONNECTION"), url=server.url).page
        expect(page.get_by_label("Model")).to_be_enabled()
        server.close()
        self.send("a", page)
        expect(self.answers(page).locator(".problem")).to_have_text("The server can't be reached. Is sirocco serve still running?")
