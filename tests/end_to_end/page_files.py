"""The web page: conversations as files, and what hostile ones may hold."""

from browser import expect
from page_case import OfThePage, record

# Any words, as others would attack with.
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<svg><script>alert(1)</script></svg>",
    "<iframe src='javascript:alert(1)'></iframe>", "<iframe srcdoc='<script>alert(1)</script>'>", "<object data=//evil.example/x>",
    "<embed src=//evil.example/x>", "<link rel=stylesheet href=//evil.example/x.css>", "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>", "<form action=//evil.example/><input name=a></form>",
    "<style>@import '//evil.example/x.css';</style>", "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    "<details open ontoggle=alert(1)>", "<template><script>alert(1)</script></template>", "</p></div><script>alert(1)</script>",
    "![x](https://evil.example/track.png)", "![x](javascript:alert(1))", "![x](data:text/html,<script>alert(1)</script>)",
    "![a](https://evil.example/x.png\"onerror=\"alert(1))", "[x](javascript:alert(1))", "[x](JAVASCRIPT:alert(1))",
    "[x](java&#115;cript:alert(1))", "[x](&#106;avascript:alert(1))", "[x](\x01javascript:alert(1))", "[x](java\tscript:alert(1))",
    "[x](<javascript:alert(1)>)", "[x](vbscript:alert(1))", "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](file:///etc/passwd)",
    "[x](blob:https://evil.example/1)", "[x](//evil.example)", "[x](/v1/models)", "[x](http://x' onmouseover='alert(1))",
    "[x](https://ok.example \"t' onmouseover='alert(1)\")", "<javascript:alert(1)>", "<data:text/html,x>", "[<img src=x onerror=alert(1)>](https://ok.example)",
    "https://ok.example/\"onmouseover=\"alert(1)", "`<img src=x onerror=alert(1)>`", "```html\n<script>alert(1)</script>\n```",
    "```\"><script>alert(1)</script>\ncode\n```", "```js onload=alert(1)\n</code></pre><script>alert(1)</script>\n```", "# <script>alert(1)</script>",
    "| <img src=x onerror=alert(1)> | b |\n|---|---|\n| [x](javascript:alert(1)) | <script>alert(1)</script> |", "> <script>alert(1)</script>",
    "- <svg onload=alert(1)>\n- [ ] <img src=x onerror=alert(1)>", "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;img src=x onerror=alert(1)&#62;",
    "<<script>script>alert(1)<</script>/script>", "\u202e<script>alert(1)</script>", "[x]: javascript:alert(1)\n[x]", "$$\\href{javascript:alert(1)}{x}$$",
]



class Files(OfThePage):
    def test_out_and_in_again(self):
        self.send("Keep this")
        self.button("Another answer").click()
        expect(self.page.locator(".place")).to_have_text("2/2")
        self.ended()
        whole = self.exported("Export all conversations")
        self.assertEqual([item["title"] for item in whole["conversations"]], ["Keep this"])
        other = self.tab().page
        self.bring_in(*whole["conversations"], page=other)
        expect(other.locator(".said")).to_have_text(["Keep this"])
        expect(other.locator(".place")).to_have_text("2/2")
        self.page.locator(".row").hover()
        self.assertEqual(self.exported("Export: Keep this")["conversations"], whole["conversations"])
        self.bring_in(*whole["conversations"])
        expect(self.page.get_by_text("0 imported, 1 already there.").first).to_be_visible()
        changed = {**whole["conversations"][0], "updated": 5, "title": "Changed"}
        self.bring_in(changed)
        expect(self.page.locator(".row-words")).to_have_text(["Keep this", "Changed"])

    def test_what_is_no_file_of_ours_is_refused(self):
        good = record(1, [("user", "a"), ("assistant", "b")])
        first, second = good["messages"]
        for records, members, told in (
                ([], {"format": "other"}, "The file holds no conversations of this page."),
                ([], {"version": 2}, "The file is of version 2; this page reads 1."),
                ([{**good, "title": 5}], {}, "In the file, conversations[0].title should be a text of at most 300 letters."),
                ([{**good, "id": "a b"}], {}, "In the file, conversations[0].id should be a name of letters and digits."),
                ([{**good, "sampling": {"top_p": 7}}], {}, "In the file, conversations[0].sampling.top_p: Top p is a number from 0 to 1."),
                ([{**good, "messages": {}}], {}, "In the file, conversations[0].messages should be a list of at most 20000."),
                ([{**good, "messages": [{**first, "role": "system"}]}], {}, 'messages[0].role should be "user" or "assistant".'),
                ([{**good, "messages": [second, first]}], {},
                 "messages[0].parent should be a message that stands before it, or null."),
                ([{**good, "messages": [first, first]}], {}, "messages[1].id should be another one than those before."),
                ([{**good, "messages": [{**first, "created": "x"}]}], {}, "messages[0].created should be a number from 0 on."),
                ([good, None], {}, "In the file, conversations[1] should be an object.")):
            self.bring_in(*records, **members)
            expect(self.page.locator(".notice p", has_text=told).last).to_be_visible()
        self.page.get_by_label("File of conversations").set_input_files({"name": "x", "mimeType": "text/plain", "buffer": b"{"})
        expect(self.page.get_by_text("The file is no JSON.").first).to_be_visible()
        expect(self.page.locator(".row")).to_have_count(0)

    def test_hostile_answers_are_text(self):
        messages = [item for text in HOSTILE for item in (("user", text), ("assistant", text))]
        # All of them with thoughts, problems and names that are as bad.
        made = record(1, [*messages, ("user", "all"), ("assistant", "\n\n".join(HOSTILE))], title="<img src=x onerror=alert(1)>",
                      model="<script>alert(1)</script>", system="<script>alert(1)</script>")
        for message in made["messages"]:
            if message["role"] == "assistant":
                message.update(reasoning=message["content"], problem="<img src=x onerror=alert(1)>", warnings=["<b>w</b>"],
                               model="<i>m</i>")
        self.bring_in(made)
        expect(self.answers()).to_have_count(len(HOSTILE) + 1)
        expect(self.page.locator(".row-words")).to_have_text("<img src=x onerror=alert(1)>")
        expect(self.answers().first.locator("> article > .prose")).to_have_text(HOSTILE[0])
        expect(self.answers().first.locator(".problem")).to_have_text("<img src=x onerror=alert(1)>")
        self.page.locator(".thoughts").evaluate_all("(all) => all.forEach((it) => { it.open = true; })")
        # Nothing but plain addresses became links; where they lead, nobody goes by himself.
        hrefs = set(self.page.locator("#messages a").evaluate_all("(all) => all.map((it) => it.href)"))
        self.assertEqual(hrefs, {"https://evil.example/track.png", "https://evil.example/x.png%22onerror=%22alert(1)",
                                 "https://ok.example/", "http://x/"})
