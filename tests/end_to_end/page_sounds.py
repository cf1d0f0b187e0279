"""The web page: sounds in messages. What a server with a model that hears says is put in its place here: that of the page is what it sends."""

import base64
import io
import json
import struct
import wave

from browser import expect
from page_case import OfThePage, record
from page_pictures import GIVE

ANSWER = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "I hear."}, "finish_reason": "stop"}]}


def tone(samples):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", None))
        out.writeframes(struct.pack(f"<{samples}h", *(1000 * (i % 40 - 20) for i in range(samples))))
    return file.getvalue()


SOUND, OTHER = tone(1600), tone(800)


def in_base64(sound):
    return base64.b64encode(sound).decode()


def part(sound, format="wav"):
    return {"type": "input_audio", "input_audio": {"data": in_base64(sound), "format": format}}


class Sounds(OfThePage):
    def setUp(self):
        self.heard = self.tab(None)
        self.page = self.heard.page
        self.heard.context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"], origin=self.server.url)
        self.page.route("**/v1/models", self.add_ears)
        self.page.route("**/v1/chat/completions", self.answer)
        self.heard.open()
        self.choose("script")
        self.tray = self.page.locator("#sounds audio")
        self.shown = self.page.locator(".message.user .sounds audio")

    @staticmethod
    def add_ears(route):
        models = route.fetch().json()
        for model in models["data"]:
            if model["id"] == "script":
                model["capabilities"] = [*model["capabilities"], "audio"]
        route.fulfill(json=models)

    @staticmethod
    def answer(route):
        route.fulfill(content_type="text/event-stream", body=f"data: {json.dumps(ANSWER)}\n\ndata: [DONE]\n\n")

    def give(self, sound, how="paste", kind="audio/wav", name="a.wav"):
        return self.page.evaluate(GIVE, [in_base64(sound), kind, name, how])

    def asked(self):
        return self.heard.bodies[-1]["messages"]

    def test_sounds_are_chosen_and_sent(self):
        self.page.get_by_label("Sound files").set_input_files(
            [{"name": f"{i}.wav", "mimeType": "audio/wav", "buffer": sound} for i, sound in enumerate((SOUND, OTHER, SOUND))])
        expect(self.tray).to_have_count(3)
        self.button("Remove sound 3").click()
        expect(self.tray).to_have_count(2)
        expect(self.button("Add sound")).to_be_focused()
        self.send("What is said?")
        self.assertEqual(self.asked(), [{"role": "user", "content": [part(SOUND), part(OTHER), {"type": "text", "text": "What is said?"}]}])
        expect(self.tray).to_have_count(0)
        expect(self.shown).to_have_count(2)
        self.until("document.querySelector('.sounds audio').duration > 0.09")
        # They are kept, and heard in the next turn.
        self.page.reload()
        expect(self.shown).to_have_count(2)
        self.choose("script")
        self.send("And now?", answers=2)
        self.assertEqual(self.asked()[0]["content"][1], part(OTHER))

    def test_they_are_pasted_and_dropped(self):
        self.assertTrue(self.give(SOUND))
        expect(self.tray).to_have_count(1)
        self.assertTrue(self.give(OTHER, "dragover"))
        expect(self.page.locator("main.dropping")).to_be_attached()
        self.assertTrue(self.give(OTHER, "drop", "audio/mpeg", "b.mp3"))
        expect(self.tray).to_have_count(2)
        self.give(b"abc", "drop", "audio/webm", "c.webm")
        expect(self.page.get_by_text("c.webm is no sound of a kind that is read").first).to_be_visible()
        self.give(b"\x89PNG", "drop", "image/png", "d.png")
        expect(self.page.get_by_text("This model takes no pictures.").first).to_be_visible()
        # Without a word.
        self.button("Send").click()
        self.ended()
        self.assertEqual(self.asked(), [{"role": "user", "content": [part(SOUND), part(OTHER, "mp3")]}])
        expect(self.page.get_by_role("heading", level=1)).to_have_text("2 sounds")

    def test_the_microphone_is_recorded(self):
        self.button("Record sound").click()
        expect(self.button("End the recording")).to_be_visible()
        self.field().fill("What is it?")
        expect(self.button("Send")).to_be_disabled()
        self.page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 1500))")
        self.button("End the recording").click()
        expect(self.tray).to_have_count(1)
        expect(self.button("Record sound")).to_be_visible()
        self.field().press("Enter")
        self.ended()
        sent = self.asked()[0]["content"][0]["input_audio"]
        self.assertEqual(sent["format"], "wav")
        with wave.open(io.BytesIO(base64.b64decode(sent["data"]))) as file:
            self.assertEqual((file.getnchannels(), file.getsampwidth(), file.getframerate()), (1, 2, 16000))
            samples = struct.unpack(f"<{file.getnframes()}h", file.readframes(file.getnframes()))
        self.assertGreater(len(samples), 1600)
        # The browser's own beep.
        self.assertGreater(max(samples), 300)

    def test_a_model_that_does_not_hear(self):
        self.choose("endless")
        expect(self.button("Add sound")).to_be_hidden()
        expect(self.button("Record sound")).to_be_hidden()
        self.assertFalse(self.give(SOUND))
        self.assertTrue(self.give(SOUND, "drop"))
        expect(self.page.get_by_text("This model takes no sound.").first).to_be_visible()
        expect(self.tray).to_have_count(0)

    def test_they_are_exported_and_brought_in(self):
        self.give(SOUND)
        expect(self.tray).to_have_count(1)
        self.send("First")
        conversation, = self.exported("Export all conversations")["conversations"]
        url = "data:audio/wav;base64," + in_base64(SOUND)
        self.assertEqual(conversation["messages"][0]["sounds"], [url])
        self.bring_in({**conversation, "id": "c2", "title": "Brought in"})
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Brought in")
        expect(self.shown).to_have_count(1)
        for wrong in ("https://a.example/b.wav", "data:text/html;base64,PHN2Zy8+", "data:audio/wav;base64,", "data:audio/wav;base64,<b>", 5):
            foreign = record(3, [("user", "a")])
            foreign["messages"][0]["sounds"] = [wrong]
            self.bring_in(foreign)
            expect(self.page.get_by_text("sounds[0] should be a sound").first).to_be_visible()
            self.button("Close this notice").first.click()
