"""The web page: pictures that a model draws, and the gallery of them."""

import base64
import re
import struct

from browser import expect
from made_pictures import in_url, recorded_picture
from page_case import OfThePage, record
from page_use import CONTRASTS, PHONE, Use
from program import GOLDEN, HOME
from server_process import ServerProcess

SOURCE = recorded_picture("source", 64, 48)
PROMPT = "a blue house"
FIGURES = re.compile(r"dev · 32 × 48 · 3 steps · seed (\d+) · \d")


def size_of(url):
    assert url.startswith("data:image/png;base64,"), url[:40]
    return struct.unpack(">II", base64.b64decode(url.split(",", 1)[1])[16:24])


class OfImages(OfThePage):
    """A server with a model that draws, beside one that chats and one that sees."""

    @classmethod
    def setUpClass(cls):
        cls.server = ServerProcess("-m", GOLDEN / "diffusion" / "dev", "-m", HOME / "script", "-m", GOLDEN / "pictures" / "smolvlm",
                                   "--ctx", 1024, "--default-max-tokens", 8)
        cls.addClassCleanup(cls.server.close)

    def begin(self, page=None, **options):
        self.seen = self.tab(**options)
        self.page = self.seen.page
        self.choose("dev")
        self.drawn = self.page.locator(".message.assistant .drawn img")

    def setUp(self):
        self.begin()

    def dialog(self, name):
        return self.page.get_by_role("dialog", name=name, exact=True)

    def set(self, **values):
        self.button("Settings of this conversation").click()
        for name, value in values.items():
            self.page.get_by_label(name, exact=True).fill(value)
        self.page.keyboard.press("Escape")

    def draw(self, prompt=PROMPT, answers=1, **settings):
        self.set(**{"Size": "32x48", "Steps": "3", **settings})
        self.send(prompt, answers=answers)
        expect(self.drawn).to_have_count(answers)

    def seeds(self):
        return [int(seed) for text in self.page.locator(".figures").all_inner_texts() for seed in re.findall(r"seed (\d+)", text)]

    def saved(self, button):
        with self.page.expect_download() as download:
            button.click()
        with open(download.value.path(), "rb") as file:
            return download.value.suggested_filename, file.read()


class Images(OfImages):
    def test_a_prompt_becomes_a_picture(self):
        self.draw()
        self.assertEqual(self.seen.bodies, [{"model": "dev", "prompt": PROMPT, "size": "32x48", "steps": 3, "partial_images": 3, "stream": True}])
        expect(self.drawn).to_have_attribute("alt", PROMPT)
        self.assertEqual(size_of(self.drawn.get_attribute("src")), (32, 48))
        expect(self.page.locator(".figures").last).to_have_text(FIGURES)
        expect(self.page.locator(".problem, .warning")).to_have_count(0)
        name, file = self.saved(self.button("Save the picture"))
        self.assertRegex(name, r"^a-blue-house-\d+\.png$")
        self.assertEqual(in_url(file), self.drawn.get_attribute("src"))
        self.assertIn(b"Seed: ", file)
        before = self.drawn.get_attribute("src")
        self.page.reload()
        expect(self.drawn).to_have_attribute("src", before)
        expect(self.page.locator(".figures").last).to_have_text(FIGURES)

    def test_partial_pictures_replace_one_another(self):
        self.page.evaluate("""() => {
          window.partial = [];
          new MutationObserver(() => {
            const src = document.querySelector('.drawn .partial')?.src;
            if (src && partial.at(-1) !== src) partial.push(src);
          }).observe(document.getElementById('messages'), { subtree: true, childList: true, attributes: true });
        }""")
        self.draw(Size="256x256", Steps="8")
        partial = self.page.evaluate("partial")
        self.assertTrue(partial)
        self.assertLessEqual(len(partial), 3)
        self.assertNotIn(self.drawn.get_attribute("src"), partial)
        expect(self.page.locator(".partial")).to_have_count(0)

    def test_it_can_be_stopped(self):
        self.set(Size="512x512", Steps="300")
        self.field().fill(PROMPT)
        self.field().press("Enter")
        expect(self.page.locator(".being-drawn")).to_be_visible()
        self.button("Stop").click()
        self.ended()
        expect(self.page.locator(".figures").last).to_have_text("dev · stopped")
        expect(self.page.locator(".problem")).to_have_count(0)
        expect(self.button("Save the picture")).to_be_hidden()

    def test_a_picture_in_the_making_is_there_when_one_comes_back(self):
        self.set(Size="512x512", Steps="120")
        self.field().fill(PROMPT)
        self.field().press("Enter")
        expect(self.page.locator(".partial")).to_be_visible()
        self.button("New conversation").click()
        expect(self.page.locator(".message")).to_have_count(0)
        self.page.locator(".row-title").click()
        expect(self.page.locator(".partial")).to_be_visible()
        self.button("Stop").click()
        self.ended()

    def test_versions_have_other_seeds(self):
        self.draw()
        self.button("Another picture").click()
        expect(self.page.locator(".message.assistant .place")).to_have_text("2/2")
        self.ended()
        second = self.drawn.get_attribute("src")
        self.button("Version before").click()
        expect(self.page.locator(".message.assistant .place")).to_have_text("1/2")
        self.assertNotEqual(self.drawn.get_attribute("src"), second)
        # From a seed that is set they count on; other settings begin with it again.
        self.draw(answers=2, Seed="7")
        self.button("Another picture").last.click()
        expect(self.page.locator(".message.assistant .place").last).to_have_text("2/2")
        self.ended(answers=2)
        self.set(Steps="2")
        self.button("Another picture").last.click()
        expect(self.page.locator(".message.assistant .place").last).to_have_text("3/3")
        self.ended(answers=2)
        self.assertEqual([body.get("seed") for body in self.seen.bodies], [None, None, 7, 8, 7])
        self.assertEqual(self.seeds()[-1], 7)

    def test_the_prompt_is_edited_and_the_picture_deleted(self):
        self.draw()
        self.button("Edit", within=self.page.locator(".message.user")).click()
        self.page.get_by_label("Edit the message").fill("a red house")
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".message.user .place")).to_have_text("2/2")
        self.ended()
        expect(self.drawn).to_have_attribute("alt", "a red house")
        self.button("Delete", within=self.answers()).click()
        expect(self.answers()).to_have_count(0)
        self.button("Undo").click()
        expect(self.drawn).to_have_count(1)

    def test_drawn_from_another(self):
        self.page.get_by_label("Picture files").set_input_files([{"name": "a.png", "mimeType": "image/png", "buffer": SOURCE}])
        expect(self.page.locator("#tray img")).to_have_count(1)
        self.set(Steps="4", Strength="0.9", Seed="7")
        self.send("in summer")
        form = self.seen.bodies[-1]
        for field, value in (("prompt", b"in summer"), ("strength", b"0.9"), ("seed", b"7"), ("stream", b"true"), ("model", b"dev")):
            self.assertIn(b'name="%s"\r\n\r\n%s\r\n' % (field.encode(), value), form)
        self.assertNotIn(b'name="size"', form)
        self.assertEqual(size_of(self.drawn.get_attribute("src")), (64, 48))
        # One that was drawn, in place of what was attached.
        self.page.get_by_label("Picture files").set_input_files([{"name": "a.png", "mimeType": "image/png", "buffer": SOURCE}])
        self.button("Draw from this").click()
        expect(self.page.locator("#tray img")).to_have_count(1)
        expect(self.field()).to_be_focused()
        source = self.drawn.get_attribute("src")
        expect(self.page.locator("#tray img")).to_have_attribute("src", source)
        self.send("in winter", answers=2)
        expect(self.page.locator(".message.user .pictures img").last).to_have_attribute("src", source)
        expect(self.drawn).to_have_count(2)
        self.choose("script")
        expect(self.button("Draw from this").first).to_be_hidden()

    def test_one_picture_at_most_is_drawn_from(self):
        file = {"name": "a.png", "mimeType": "image/png", "buffer": SOURCE}
        self.page.get_by_label("Picture files").set_input_files([file, file])
        expect(self.page.get_by_text("A picture is drawn from one other.").first).to_be_visible()
        expect(self.page.locator("#tray img")).to_have_count(1)
        self.button("Send").click()
        self.ended()
        expect(self.page.locator(".problem")).to_have_text("A picture needs words that say what it shows.")

    def test_what_the_server_refuses_is_told(self):
        self.set(Size="33x48")
        self.send(PROMPT)
        expect(self.page.locator(".problem")).to_contain_text("multiples of 16")
        self.seen.told.clear()  # the browser's own words on the refusal
        self.button("Settings of this conversation").click()
        self.page.get_by_label("Size", exact=True).fill("big")
        expect(self.page.get_by_text("Size is a width and a height, as in 512x512.")).to_be_visible()
        self.page.get_by_label("Size", exact=True).fill("48 × 32")
        self.page.get_by_label("Steps", exact=True).fill("1")
        expect(self.page.get_by_label("Temperature")).to_have_count(0)
        self.page.keyboard.press("Escape")
        self.button("Another picture").click()
        expect(self.drawn).to_have_count(1)
        self.assertEqual(self.seen.bodies[-1]["size"], "48x32")

    def test_what_is_no_picture_is_not_shown(self):
        events = 'data: {"type": "image_generation.completed", "b64_json": "%s"}\n\n'
        for file in ("PHN2Zz4=", '\\"><img src=x onerror=alert(1)>', "iVBORw0KGgo#"):
            self.page.route("**/v1/images/generations", lambda route, f=file: route.fulfill(content_type="text/event-stream", body=events % f))
            self.button("New conversation").click()
            self.send(PROMPT)
            expect(self.page.locator(".problem")).to_contain_text("something that is no picture")
            expect(self.drawn).to_have_count(0)

    def test_a_chat_goes_on_after_it(self):
        self.draw()
        self.choose("script")
        self.send("And now?", answers=2)
        self.assertEqual([message["role"] for message in self.seen.bodies[-1]["messages"]], ["user"])
        expect(self.answers().last.locator(".prose")).to_contain_text("Winds")

    def test_they_are_exported_and_brought_in(self):
        self.draw()
        conversation, = self.exported("Export all conversations")["conversations"]
        answer = conversation["messages"][1]
        self.assertEqual(answer["pictures"], [self.drawn.get_attribute("src")])
        self.assertEqual(conversation["drawing"], {"size": "32x48", "steps": 3})
        self.bring_in({**conversation, "id": "c2", "title": "Brought in"})
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Brought in")
        expect(self.drawn).to_have_count(1)
        expect(self.page.locator(".figures").last).to_have_text(FIGURES)
        for member, value, says in (
                ("pictures", ["https://a.example/b.png"], "pictures[0] should be a picture"), ("pictures", ["data:image/jpeg;base64,/9j/"], "of a PNG file"),
                ("pictures", answer["pictures"] * 2, "pictures should be a list of at most 1"), ("drawn", {**answer["drawn"], "size": "1"}, "drawn.size should be"),
                ("drawn", {"prompt": 5, "asked": {}}, "drawn.prompt should be"), ("drawn", {**answer["drawn"], "asked": {"steps": "x"}}, "Steps is a whole number")):
            foreign = record(3, [("user", "a"), ("assistant", "")])
            foreign["messages"][1].update({"drawn": answer["drawn"], "pictures": answer["pictures"], member: value})
            self.bring_in(foreign)
            expect(self.page.get_by_text(says).first).to_be_visible()
            self.button("Close this notice").first.click()


class Gallery(OfImages):
    def open(self):
        self.button("Gallery of pictures (G)").click()
        return self.dialog("Gallery")

    def test_an_empty_one_says_so(self):
        expect(self.open()).to_contain_text("No pictures yet.")
        self.assertEqual(self.page.evaluate(CONTRASTS)[1], [])

    def test_it_has_all_pictures_the_newest_first(self):
        self.draw("first")
        self.button("Another picture").click()
        expect(self.page.locator(".message.assistant .place")).to_have_text("2/2")
        self.ended()
        self.button("Version before").click()
        older = self.drawn.get_attribute("src")
        self.draw("second", answers=2)
        self.button("New conversation").click()
        self.choose("dev")
        self.draw("third")
        newest = self.drawn.get_attribute("src")
        self.page.evaluate("document.activeElement.blur()")
        self.page.keyboard.press("g")
        tiles = self.dialog("Gallery").get_by_role("img")
        expect(tiles).to_have_count(4)
        self.assertEqual([tile.get_attribute("alt") for tile in tiles.all()], ["third", "second", "first", "first"])
        expect(tiles.first).to_have_attribute("src", newest)
        expect(tiles.last).to_have_attribute("src", older)
        # By keys alone: large, saved, and to its message, which is of another branch.
        tile = self.dialog("Gallery").get_by_role("button", name="first").last
        tile.focus()
        self.page.keyboard.press("Enter")
        expect(self.dialog("Picture").get_by_role("img")).to_have_attribute("src", older)
        expect(self.dialog("Picture")).to_contain_text("dev · 32 × 48 · 3 steps")
        self.assertEqual(in_url(self.saved(self.dialog("Picture").get_by_role("button", name="Save the picture"))[1]), older)
        self.page.keyboard.press("Escape")
        expect(tile).to_be_focused()
        self.page.keyboard.press("Enter")
        self.dialog("Picture").get_by_role("button", name="Open its conversation").press("Enter")
        expect(self.page.get_by_role("dialog")).to_have_count(0)
        expect(self.drawn.first).to_have_attribute("src", older)
        expect(self.page.locator(".message.assistant").first).to_be_focused()

    def test_the_list_of_conversations_holds_no_picture(self):
        self.draw()
        heads = self.page.evaluate("""async () => (await (await import('/page/store.js')).openStore()).heads()""")
        self.assertEqual([drawn["prompt"] for drawn in heads[0]["drawn"]], [PROMPT])
        self.assertLess(len(str(heads)), 1000)

    def test_a_phone_and_both_schemes(self):
        for options in ({"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE):
            with self.subTest(options):
                self.begin(**options)
                self.set(Size="32x48", Steps="2")
                self.field().fill(PROMPT)
                self.button("Send").click()
                expect(self.drawn).to_have_count(1)
                self.ended()
                Use.assert_accessible(self, self.page)
                if options is PHONE:
                    self.button("Show conversations").click()
                self.open()
                expect(self.dialog("Gallery").get_by_role("img")).to_have_count(1)
                Use.assert_accessible(self, self.page)
                self.dialog("Gallery").get_by_role("button", name=PROMPT).click()
                expect(self.dialog("Picture")).to_be_visible()
                Use.assert_accessible(self, self.page, rules=15)
                self.assertEqual(self.page.evaluate(CONTRASTS)[1], [])
                width = self.page.viewport_size["width"]
                self.assertEqual(self.page.evaluate("document.documentElement.scrollWidth"), width)
                self.assertEqual(self.page.evaluate(f"""[...document.querySelectorAll('dialog *')].filter((it) =>
                    it.getBoundingClientRect().right > {width} + 0.5).map((it) => it.outerHTML.slice(0, 80))"""), [])
