"""The web page: messages, answers, branches and conversations."""

import re

from browser import expect
from page_case import ANSWER, OfThePage


class Chat(OfThePage):
    def test_a_question_is_answered(self):
        tab = self.tab()
        page = tab.page
        self.choose("script", page)
        self.send("  What is the sirocco?\n", page)
        answer = self.answers(page)
        expect(answer.get_by_role("heading", name="Winds", level=3)).to_be_visible()
        expect(answer.locator("strong")).to_have_text("warm wind")
        expect(answer.locator("ul ul li")).to_have_text("dusty")
        expect(answer.locator(".code-keyword").first).to_have_text("def")
        expect(answer.locator("td.align-right")).to_have_text("south")
        expect(answer.get_by_role("link")).to_have_attribute("href", "https://winds.example/sirocco")
        expect(answer.locator(".prose")).to_contain_text("<img src=x onerror=alert(1)>")
        expect(page.locator(".message.user .said")).to_have_text("What is the sirocco?")
        expect(answer.locator(".figures")).to_have_text(re.compile(r"^script · 16 tokens · [\d,.]+ tokens/s · first after [\d.]+ m?s$"))
        # With one token of the prompt.
        expect(page.locator("#context-words")).to_have_text("17 of 65,536 tokens")
        expect(page.get_by_role("meter")).to_have_attribute("aria-valuenow", "17")
        expect(page.get_by_role("heading", level=1)).to_have_text("What is the sirocco?")
        self.assertEqual(tab.bodies, [{"model": "script", "messages": [{"role": "user", "content": "What is the sirocco?"}],
                                       "stream": True, "stream_options": {"include_usage": True}}])
        self.button("Copy", within=answer.locator(".actions")).click()
        self.assertEqual(page.evaluate("navigator.clipboard.readText()"), "".join(ANSWER))
        answer.locator(".copy-code").click()
        expect(answer.locator(".copy-code")).to_have_text("Copied")
        self.assertEqual(page.evaluate("navigator.clipboard.readText()"), "def blow(speed):\n    return 2 * speed  # km/h")

    def test_a_real_model_is_asked_with_settings(self):
        tab = self.tab()
        page = tab.page
        name = [option for option in page.get_by_label("Model").locator("option").all_inner_texts() if "SmolLM2" in option]
        self.choose(name[0], page)
        self.button("Settings of this conversation", page).click()
        page.get_by_label("System prompt").fill("Be brief.")
        for label, value in (("Temperature", "0,5"), ("Top p", "0.9"), ("Top k", "40"), ("Min p", "0.05"), ("Max tokens", "8"),
                             ("Seed", "7"),
                             ("Repeat penalty", "1.1")):
            page.get_by_label(label, exact=True).fill(value)
        page.get_by_label("Top k", exact=True).fill("some")
        expect(page.get_by_text("Top k is a whole number from 0 on.")).to_be_visible()
        page.keyboard.press("Escape")
        self.send("Name three rivers.", page)
        sampling = {"temperature": 0.5, "top_p": 0.9, "min_p": 0.05, "max_tokens": 8, "seed": 7, "repeat_penalty": 1.1}
        body = {"model": name[0], "stream": True, "stream_options": {"include_usage": True}, **sampling,
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name three rivers."}]}
        self.assertEqual(tab.bodies, [body])
        expect(self.answers(page).locator(".figures")).to_contain_text("8 tokens")
        expect(self.answers(page).locator(".figures")).to_contain_text("cut at the limit")
        first = self.answers(page).locator(".prose").inner_text()
        self.assertTrue(first)
        # The seed repeats it.
        self.button("Another answer", page).click()
        expect(page.locator(".place")).to_have_text("2/2")
        self.ended(page)
        expect(self.answers(page).locator(".prose")).to_have_text(first, use_inner_text=True)
        self.assertEqual(tab.bodies, [body, body])

    def test_models_that_chat_can_be_chosen(self):
        picker = self.page.get_by_label("Model")
        names = picker.locator("option").all_inner_texts()
        self.assertEqual(len(names), 3, names)
        self.assertNotIn("all-MiniLM-L6-v2", names)
        self.choose("endless")
        self.page.reload()
        expect(picker).to_have_value("endless")

    def test_an_answer_is_stopped(self):
        self.begin_endless()
        expect(self.answers().locator("article")).to_have_attribute("aria-busy", "true")
        expect(self.button("Send")).to_be_hidden()
        self.button("Stop").click()
        self.ended()
        expect(self.answers().locator(".figures")).to_contain_text("stopped")
        text = self.answers().locator(".prose").inner_text()
        self.assertTrue(text.startswith("a windy day"), text[:50])
        expect(self.page.locator("#live")).to_have_text("The answer was stopped.")
        expect(self.field()).to_be_focused()

    def test_it_follows_the_end_unless_somebody_reads(self):
        self.begin_endless()
        thread = self.page.locator("#thread")
        distance = "(it) => it.scrollHeight - it.scrollTop - it.clientHeight"
        self.until("document.getElementById('thread').scrollHeight > 3000")
        self.assertLess(thread.evaluate(distance), 60)
        thread.evaluate("(it) => { it.scrollTop = 7; }")
        expect(self.button("Latest")).to_be_visible()
        height = thread.evaluate("(it) => it.scrollHeight")
        self.until("document.getElementById('thread').scrollHeight > value + 500", height)
        self.assertEqual(thread.evaluate("(it) => it.scrollTop"), 7)
        self.button("Latest").click()
        self.page.keyboard.press("Escape")
        self.ended()
        self.assertLess(thread.evaluate(distance), 60)
        expect(self.button("Latest")).to_be_hidden()

    def test_edits_are_branches(self):
        tab = self.tab()
        page = tab.page
        self.choose("script", page)
        self.send("First", page)
        self.send("Second", page, answers=2)
        mine = page.locator(".message.user")
        self.button("Edit", within=mine.nth(0)).click()
        page.get_by_label("Edit the message").fill("Other")
        page.keyboard.press("Enter")
        self.ended(page)
        expect(mine).to_have_text(re.compile("Other"))
        expect(mine.locator(".place")).to_have_text("2/2")
        self.assertEqual(tab.bodies[-1]["messages"], [{"role": "user", "content": "Other"}])
        self.send("Third", page, answers=2)
        self.assertEqual([message["content"] for message in tab.bodies[-1]["messages"]], ["Other", "".join(ANSWER), "Third"])
        self.button("Version before", within=mine.nth(0)).click()
        expect(mine.locator(".said")).to_have_text(["First", "Second"])
        expect(self.button("Next version", within=mine.nth(0))).to_be_focused()
        page.reload()
        expect(mine.locator(".said")).to_have_text(["First", "Second"])
        self.button("Next version", within=mine.nth(0)).click()
        expect(mine.locator(".said")).to_have_text(["Other", "Third"])
        # An answer's words can be changed too, without another answer.
        asked = len(tab.bodies)
        self.button("Edit", within=self.answers(page).nth(1)).click()
        page.get_by_label("Edit the message").fill("My *own* words")
        self.button("Save", page).click()
        expect(self.answers(page).nth(1).locator("em")).to_have_text("own")
        expect(self.answers(page).nth(1).locator(".place")).to_have_text("2/2")
        self.assertEqual(len(tab.bodies), asked)

    def test_messages_are_deleted_and_put_back(self):
        self.send("First")
        self.send("Second", answers=2)
        said = self.page.locator(".said")
        self.button("Delete", within=self.page.locator(".message.assistant").nth(0)).click()
        expect(said).to_have_text(["First"])
        expect(self.page.get_by_text("Message deleted, with 2 behind it.").first).to_be_visible()
        self.button("Undo").click()
        expect(said).to_have_text(["First", "Second"])
        self.button("Delete", within=self.page.locator(".message.assistant").nth(1)).click()
        expect(self.answers()).to_have_count(1)
        self.button("Answer this").click()
        self.ended(answers=2)
        self.page.reload()
        expect(self.answers()).to_have_count(2)

    def test_conversations_stay_and_are_found(self):
        self.send("Of camels")
        self.button("New conversation").click()
        expect(self.page.locator("#welcome")).to_be_visible()
        self.send("Of ships")
        rows = self.page.locator(".row-words")
        expect(rows).to_have_text(["Of ships", "Of camels"])
        self.page.reload()
        expect(self.page.locator(".said")).to_have_text(["Of ships"])
        search = self.page.get_by_role("searchbox")
        for words, found in (("camel", ["Of camels"]), ("WINDY", []), ("dusty", ["Of ships", "Of camels"]), ("dusty ships",
                                                                                                             ["Of ships"])):
            search.fill(words)
            expect(rows).to_have_text(found)
        expect(self.page.locator("#conversations")).not_to_contain_text("Nothing found.")
        search.fill("nothing of the kind")
        expect(self.page.locator("#conversations")).to_have_text("Nothing found.")
        search.press("Escape")
        expect(rows).to_have_count(2)
        self.page.locator(".row", has_text="camels").hover()
        self.button("Rename: Of camels").click()
        self.page.get_by_label("Title").fill("Desert <b>")
        self.page.keyboard.press("Enter")
        expect(rows).to_have_text(["Of ships", "Desert <b>"])
        self.page.get_by_role("button", name="Desert <b>", exact=True).click()
        expect(self.page.locator(".said")).to_have_text(["Of camels"])
        self.page.go_back()
        expect(self.page.locator(".said")).to_have_text(["Of ships"])
        self.page.locator(".row.current").hover()
        self.button("Delete: Of ships").click()
        expect(rows).to_have_text(["Desert <b>"])
        self.button("Undo").click()
        expect(rows).to_have_text(["Of ships", "Desert <b>"])
        expect(self.page.locator(".said")).to_have_text(["Of ships"])

    def test_another_tab_sees_it(self):
        other = self.page.context.new_page()
        other.goto(self.server.url)
        self.send("Seen elsewhere")
        expect(other.locator(".row-words")).to_have_text(["Seen elsewhere"])
        other.close()
