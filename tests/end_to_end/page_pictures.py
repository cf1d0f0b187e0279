"""The web page: pictures in messages."""

from browser import expect
from made_pictures import in_base64, in_url, recorded_picture
from page_case import OfThePage, record
from program import GOLDEN, HOME
from server_process import ServerProcess

WIDE = recorded_picture("wide", 96, 32)
TALL = recorded_picture("tall", 30, 90)
# A file as it comes from the clipboard, or is dropped.
GIVE = """([base64, type, name, how]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const event = how === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(how, { dataTransfer: data, bubbles: true, cancelable: true });
  return !document.getElementById(how === 'paste' ? 'message' : 'thread').dispatchEvent(event);
}"""


def parts(*pictures, text):
    words = [{"type": "text", "text": text}] if text else []
    return [*({"type": "image_url", "image_url": {"url": in_url(picture)}} for picture in pictures), *words]


class Pictures(OfThePage):
    """A server with a model that sees, and one that doesn't."""

    @classmethod
    def setUpClass(cls):
        cls.server = ServerProcess("-m", GOLDEN / "pictures" / "smolvlm", "-m", HOME / "script", "--ctx", 1024, "--default-max-tokens", 8)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.seen = self.tab()
        self.page = self.seen.page
        self.choose("smolvlm")
        self.tray = self.page.locator("#tray img")
        self.shown = self.page.locator(".message.user .pictures img")

    def give(self, picture, how="paste", kind="image/png", name="a.png"):
        return self.page.evaluate(GIVE, [in_base64(picture), kind, name, how])

    def choose_files(self, *pictures):
        self.page.get_by_label("Picture files").set_input_files(
            [{"name": f"{i}.png", "mimeType": "image/png", "buffer": picture} for i, picture in enumerate(pictures)])

    def asked(self):
        return self.seen.bodies[-1]["messages"]

    def test_pictures_are_chosen_and_sent(self):
        expect(self.button("Send")).to_be_disabled()
        self.choose_files(WIDE, TALL, WIDE)
        expect(self.tray).to_have_count(3)
        self.button("Remove picture 3").click()
        expect(self.tray).to_have_count(2)
        expect(self.button("Add pictures")).to_be_focused()
        self.send("Which is wider?")
        self.assertEqual(self.asked(), [{"role": "user", "content": parts(WIDE, TALL, text="Which is wider?")}])
        expect(self.tray).to_have_count(0)
        expect(self.shown).to_have_count(2)
        self.assertEqual(self.shown.evaluate_all("(all) => all.map((it) => [it.naturalWidth, it.naturalHeight])"), [[96, 32], [30, 90]])
        expect(self.page.locator(".problem")).to_have_count(0)
        # They are kept, and seen in the next turn.
        self.page.reload()
        expect(self.shown).to_have_count(2)
        self.choose("smolvlm")
        self.send("And now?", answers=2)
        self.assertEqual([message["role"] for message in self.asked()], ["user", "assistant", "user"])
        self.assertEqual(self.asked()[0]["content"], parts(WIDE, TALL, text="Which is wider?"))
        self.assertEqual(self.asked()[2]["content"], "And now?")

    def test_they_come_from_the_clipboard_and_are_dropped(self):
        self.assertTrue(self.give(WIDE))
        expect(self.tray).to_have_count(1)
        self.assertTrue(self.give(TALL, "dragover"))
        expect(self.page.locator("main.dropping")).to_be_attached()
        self.assertTrue(self.give(TALL, "drop"))
        expect(self.page.locator("main.dropping")).to_have_count(0)
        expect(self.tray).to_have_count(2)
        self.give(b"%PDF", "drop", "application/pdf", "b.pdf")
        expect(self.page.get_by_text("b.pdf is no picture of a kind that is read").first).to_be_visible()
        expect(self.tray).to_have_count(2)
        # Without a word.
        self.button("Send").click()
        self.ended()
        self.assertEqual(self.asked(), [{"role": "user", "content": parts(WIDE, TALL, text="")}])
        expect(self.page.get_by_role("heading", level=1)).to_have_text("2 pictures")
        expect(self.page.locator(".said")).to_be_hidden()

    def test_an_edit_keeps_them(self):
        self.give(WIDE)
        expect(self.tray).to_have_count(1)
        self.send("First")
        self.button("Edit", within=self.page.locator(".message.user")).click()
        self.page.get_by_label("Edit the message").fill("Other")
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".message.user .place")).to_have_text("2/2")
        self.ended()
        self.assertEqual(self.asked(), [{"role": "user", "content": parts(WIDE, text="Other")}])
        expect(self.shown).to_have_count(1)

    def test_what_is_no_picture_is_told(self):
        self.give(b"GIF89a and nothing", kind="image/gif", name="c.gif")
        expect(self.tray).to_have_count(1)
        self.send("What is it?")
        expect(self.page.locator(".problem")).to_contain_text("Messages[0].content[0].image_url.url: GIF")
        self.seen.told.clear()  # the browser's own words on the refusal

    def test_a_model_that_does_not_see(self):
        self.choose("script")
        expect(self.button("Add pictures")).to_be_hidden()
        self.assertFalse(self.give(WIDE))
        self.assertTrue(self.give(WIDE, "drop"))
        expect(self.page.get_by_text("This model takes no pictures.").first).to_be_visible()
        expect(self.tray).to_have_count(0)

    def test_they_are_exported_and_brought_in(self):
        self.give(WIDE)
        expect(self.tray).to_have_count(1)
        self.send("First")
        conversation, = self.exported("Export all conversations")["conversations"]
        self.assertEqual(conversation["messages"][0]["pictures"], [in_url(WIDE)])
        self.bring_in({**conversation, "id": "c2", "title": "Brought in"})
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Brought in")
        expect(self.shown).to_have_count(1)
        for wrong in ("https://a.example/b.png", "data:image/svg+xml;base64,PHN2Zy8+", "data:image/png;base64,", "data:image/png;base64,<b>", 5):
            foreign = record(3, [("user", "a")])
            foreign["messages"][0]["pictures"] = [wrong]
            self.bring_in(foreign)
            expect(self.page.get_by_text("pictures[0] should be a picture").first).to_be_visible()
            self.button("Close this notice").first.click()
