"""The modules of the web page that read what models write: Markdown and the colours of code."""

import html
import random
import re
import unittest

from page_case import OfThePage

# Shows texts, whole or in pieces, and says what elements came of each.
SHOW = """async (texts) => {
  const {MarkdownView} = await import('/page/markdown_view.js');
  return texts.map((pieces) => {
    const box = document.createElement('div');
    const view = new MarkdownView(box);
    for (const piece of [pieces].flat()) { view.append(piece); if (Array.isArray(pieces)) view.paint(); }
    view.finish();
    return box.innerHTML;
  });
}"""
PAINT = """async (text) => {
  const {MarkdownView} = await import('/page/markdown_view.js');
  const box = document.createElement('div');
  const view = new MarkdownView(box);
  view.append(text);
  view.paint();
  return box.innerHTML;
}"""
PICTURE = ' class="picture"'
LINK = ' target="_blank" rel="noopener noreferrer nofollow"'


def link(href, text, kind=""):
    return f'<a href="{href}" title="{href}"{LINK}{kind}>{text}</a>'


# Markdown, and the elements that it becomes.
CASES = [
    ("a", "<p>a</p>"),
    ("a\nb\n\n\nc  \nd", "<p>a<br>b</p><p>c<br>d</p>"),
    ("# A #\n## B *c*\n####### D\n#E", "<h3>A</h3><h4>B <em>c</em></h4><p>####### D<br>#E</p>"),
    ("###### f\nA\n===\nB\n---", "<h6>f</h6><h3>A</h3><h4>B</h4>"),
    ("***\n- - -\n_ _ _\n--", "<hr><hr><hr><p>--</p>"),
    ("*a* _b_ **c** __d__ ***e*** ~~f~~ ~g~", "<p><em>a</em> <em>b</em> <strong>c</strong> <strong>d</strong> "
     "<em><strong>e</strong></em> <del>f</del> ~g~</p>"),
    ("a_b_c 2 * 3 * 4 snake_case_name **a", "<p>a_b_c 2 * 3 * 4 snake_case_name **a</p>"),
    ("**a *b* c** *a **b** c* *a _b* c_", "<p><strong>a <em>b</em> c</strong> <em>a <strong>b</strong> c</em> <em>a _b</em> c_</p>"),
    ("*a**b* a**\"b\"**c", '<p><em>a**b</em> a**"b"**c</p>'),
    ("`a` ``b`c`` `` ` `` `d", "<p><code>a</code> <code>b`c</code> <code>`</code> `d</p>"),
    ("`<b>` `a\nb` *`*`*", "<p><code>&lt;b&gt;</code> <code>a b</code> <em><code>*</code></em></p>"),
    (r"\*a\* \<b\> \a a\\", r"<p>*a* &lt;b&gt; \a a\</p>"),
    ("&lt;b&gt; &amp;amp; &#65;&#x42; &#0; &nope; &", "<p>&lt;b&gt; &amp;amp; AB \ufffd &amp;nope; &amp;</p>"),
    ("<b>x</b> <!-- c --> <br>", "<p>&lt;b&gt;x&lt;/b&gt; &lt;!-- c --&gt; &lt;br&gt;</p>"),
    ("[a *b*](http://x.y/z 'title') [c](<http://x.y/a b>)",
     f"<p>{link('http://x.y/z', 'a <em>b</em>')} {link('http://x.y/a%20b', 'c')}</p>"),
    ("[a](http://x.y/(b)c) [[a]](http://x.y/) [a] [b]()",
     f"<p>{link('http://x.y/(b)c', 'a')} {link('http://x.y/', '[a]')} [a] [b]()</p>"),
    ("[a [b](http://x.y/) c](http://z.z/)", f"<p>[a {link('http://x.y/', 'b')} c]({link('http://z.z/', 'http://z.z/')})</p>"),
    ("*a [b* c](http://x.y/)", f"<p>*a {link('http://x.y/', 'b* c')}</p>"),
    ("<http://x.y/> <a@b.cc> http://x.y/a_b_c). (see http://x.y/(a))",
     f"<p>{link('http://x.y/', 'http://x.y/')} {link('mailto:a@b.cc', 'a@b.cc')} {link('http://x.y/a_b_c', 'http://x.y/a_b_c')}). "
     f"(see {link('http://x.y/(a)', 'http://x.y/(a)')})</p>"),
    ("![alt](http://x.y/i.png) [![alt](http://x.y/i.png)](http://z.z/)",
     f"<p>{link('http://x.y/i.png', 'Picture: alt', PICTURE)} {link('http://z.z/', '<span>alt</span>')}</p>"),
    ("[a](javascript:alert(1)) [b](/c) [d](data:text/html,x) [e](JaVaScRiPt:x) [f](file:///x)",
     "<p>[a](javascript:alert(1)) [b](/c) [d](data:text/html,x) [e](JaVaScRiPt:x) [f](file:///x)</p>"),
    ("- a\n- b\n  - c\n    - d\n- e", '<ul class="tight"><li><p>a</p></li><li><p>b</p><ul class="tight"><li><p>c</p>'
     '<ul class="tight"><li><p>d</p></li></ul></li></ul></li><li><p>e</p></li></ul>'),
    ("1. a\n2. b\n\n   c\n10) d", '<ol class="loose"><li><p>a</p></li><li><p>b</p><p>c</p></li></ol><ol start="10" class="tight"><li><p>d</p></li></ol>'),
    ("- a\n\n- b", '<ul class="loose"><li><p>a</p></li><li><p>b</p></li></ul>'),
    ("- a\n+ b\n\nc", '<ul class="tight"><li><p>a</p></li></ul><ul class="tight"><li><p>b</p></li></ul><p>c</p>'),
    ("- a\nlazy\n-\n- b", '<ul class="tight"><li><p>a<br>lazy</p></li><li></li><li><p>b</p></li></ul>'),
    ("a\n2. b\n1. c", '<p>a<br>2. b</p><ol class="tight"><li><p>c</p></li></ol>'),
    ("- [ ] a\n- [x] b", '<ul class="tight"><li class="task"><span class="tick" role="img" aria-label="to do">☐</span><p>a</p></li>'
     '<li class="task"><span class="tick" role="img" aria-label="done">☑</span><p>b</p></li></ul>'),
    ("> a\nb\n> - c\n>> d\n\ne", '<blockquote><p>a<br>b</p><ul class="tight"><li><p>c</p></li></ul><blockquote><p>d</p></blockquote>'
     "</blockquote><p>e</p>"),
    ("1. a\n   > b\n\n   - c", '<ol class="loose"><li><p>a</p><blockquote><p>b</p></blockquote><ul class="tight"><li><p>c</p></li></ul></li></ol>'),
]

# What only the text of a block of code is looked at of: (Markdown, language, text).
CODE_CASES = [
    ("```py\na = 1\n\n  b\n```\nc", "py", "a = 1\n\n  b\n"),
    ("~~~\n```\n~~~", "text", "```\n"),
    ("````js x\n```\n````", "js", "```\n"),
    ("```\nnever closed\n*a*", "text", "never closed\n*a*\n"),
    ("- a\n\n  ```c\n  x\n\n    y\n  ```", "c", "x\n\n  y\n"),
    ("  ```\n    a\n  b\n c\n```", "text", "  a\nb\nc\n"),
    ("    a\n\n      b\n\n\nc", "text", "a\n\n  b\n"),
    ("> ```\n> a\n> ```", "text", "a\n"),
    ("```\n\tx\n```", "text", "\tx\n"),
    ("```<img>{a}\n</code><b>\n```", "<img>", "</code><b>\n"),
]

TABLES = [
    ("| a | b | c |\n|---|:-:|--:|\n| 1 | `x\\|y` | 3 | 4 |\n| 5\n\nafter",
     [["a", "b", "c"], ["1", "x|y", "3"], ["5", "", ""]], ["", "align-center", "align-right"]),
    ("a|b\n-|-\n*1*|2", [["a", "b"], ["1", "2"]], ["", ""]),
    ("before\na | b\n--|:--\n1|2\n> quote", [["a", "b"], ["1", "2"]], ["", "align-left"]),
]

PIECES = ["# Heading\n", "para *em* and **strong\ntwo** lines\n", "\n", "- item\n", "  - nested `code`\n", "\n  more\n", "1. one\n",
          "2. two\n", "```py\n", "def f(x):\n    return \"text\"  # c\n", "```\n", "> quote\n", "> > deep\n", "| a | b |\n", "|---|---|\n",
          "| 1 | [x](http://y.z/) |\n", "---\n", "    indented\n", "\tt\n", "[link](http://a.b/c) https://d.e/f. ", "***", "~~x~~ ",
          "`", "* ", "\\", "&amp;", "<b>", "word ", "- [x] done\n", "===\n", "🌬️ é ", "_a_"]


class Modules(OfThePage):
    def show(self, *texts):
        return self.page.evaluate(SHOW, list(texts))

    def test_markdown(self):
        for (text, expected), shown in zip(CASES, self.show(*(text for text, _ in CASES))):
            with self.subTest(text):
                self.assertEqual(shown, expected)

    def test_code(self):
        for (text, language, code), shown in zip(CODE_CASES, self.show(*(case[0] for case in CODE_CASES))):
            with self.subTest(text):
                found = re.search(r'<span class="language">(.*?)</span>.*<code>(.*?)</code>', shown, re.DOTALL)
                self.assertEqual(html.unescape(found[1]), language)
                self.assertEqual(html.unescape(re.sub("<.*?>", "", found[2])), code)
                self.assertEqual(shown.count("<figure"), 1)

    def test_tables(self):
        for (text, rows, alignments), shown in zip(TABLES, self.show(*(case[0] for case in TABLES))):
            with self.subTest(text):
                cells = [[re.sub("<.*?>", "", cell) for cell in re.findall("<t[hd].*?>(.*?)</t[hd]>", row)]
                         for row in re.findall("<tr>(.*?)</tr>", shown)]
                self.assertEqual(cells, rows)
                self.assertEqual([*re.findall('<th(?: class="(.*?)")?', shown)][1:], alignments)  # the first is <thead>
        self.assertIn("<p>after</p>", self.show(TABLES[0][0])[0])
        # A line of dashes below as many cells only.
        self.assertNotIn("<table", self.show("a | b\n--|--|--\n")[0])

    def test_a_text_in_pieces_becomes_what_it_is_whole(self):
        chance = random.Random(7)
        texts, cut = [], []
        for _ in range(600):
            text = "".join(chance.choices(PIECES, k=chance.randint(1, 14)))
            places = sorted(chance.sample(range(len(text) + 1), min(len(text), chance.randint(1, 12))))
            texts.append(text)
            cut.append([text[a:b] for a, b in zip([0, *places], [*places, len(text)])])
        for text, pieces, whole, shown in zip(texts, cut, self.show(*texts), self.show(*cut)):
            self.assertEqual(shown, whole, f"{text!r} in {pieces}")

    def test_what_has_only_begun_is_shown_as_it_will_be(self):
        for text, expected in (
                ("some **strong", "<p>some <strong>strong</strong></p>"), ("a `co", "<p>a <code>co</code></p>"),
                ("[a](http://x.y", "<p>a</p>"), ("text\n-", "<p>text</p>"), ("| a | b", "<p></p>"), ("1", ""), ("- ",
                                                                                                                ""), ("``", "")):
            self.assertEqual(self.page.evaluate(PAINT, text), expected, text)

    def test_the_work_is_in_proportion_to_the_text(self):
        # Nodes that are made while a text comes in 4,000 pieces, and in twice as many.
        count = """async ([unit, units]) => {
          const {MarkdownView} = await import('/page/markdown_view.js');
          let made = 0;
          const {createElement, createTextNode} = document;
          document.createElement = (...given) => (made += 1, createElement.apply(document, given));
          document.createTextNode = (...given) => (made += 1, createTextNode.apply(document, given));
          const view = new MarkdownView(createElement.call(document, 'div'));
          for (let i = 0; i < units; i += 1) { view.append(unit); view.paint(); }
          view.finish();
          document.createElement = createElement;
          document.createTextNode = createTextNode;
          return made;
        }"""
        for what, first, unit in (
                ("a paragraph", "", "word *em* "), ("one word", "", "abcdefgh"), ("lines", "", "a **b**\n"), ("a list", "", "- item `c`\n"),
                ("a list of lists", "- a\n", "  - b *c*\n"), ("quotes", "", "> a _b_\n\n"), ("code", "```js\n", "let a = 'b';\n"),
                ("a table", "|a|b|\n|-|-|\n", "| 1 | **2** |\n"), ("paragraphs", "", "words and *words*\n\n")):
            few, many = (self.page.evaluate(count.replace("for (let", f"view.append({first!r}); for (let"), [unit, units])
                         for units in (2000, 4000))
            self.assertLess(many, 2.6 * few, what)

    def test_hostile_texts_end(self):
        # Each is quadratic or worse for a careless reader.
        long = [mark * 20000 for mark in (
            "[", "![", "*a ", "_a_ b* ", "`a``", "<a", "](", "[a](", "&#", "**", "\\", "~~a ", "> ", "- ", "|", "http://", "a@", "(", "\t")]
        long += ["[" * 9000 + "a" + "](http://x.y/)" * 9000, "- a\n" * 9000, "|a" * 9000 + "\n" + "|-" * 9000, "-" + " " * 90000 + "x",
                 "# " + "# " * 40000 + "x", ">" * 9000 + "a", "```" + "`" * 90000, "*" * 90000 + "a" + "*" * 90000, "a\n" * 30000,
                 "1" * 90000 + ". a", "[a](" + "(" * 90000, "".join("`" * n + " " for n in range(1, 400)),
                 "```html\n" + "<a " * 30000, "```js\n" + "/*" * 30000, "```css\n" + "a " * 30000, "```json\n" + '"' * 30000]
        for text, shown in zip(long, self.show(*long)):
            self.assertEqual(shown != "", text.strip() != "", text[:20])

    def test_colours_of_code(self):
        colour = """async ([name, lines]) => {
          const {highlightLine} = await import('/page/highlight.js');
          const {languageOf} = await import('/page/languages.js');
          let state = null;
          return lines.map((line) => {
            const done = highlightLine(languageOf(name), state, line);
            state = done.state;
            return done.tokens;
          });
        }"""
        for name, lines, kinds in (
                ("py", ['def f(x): return "a\\"b" + 0x1f # c', "'''open", "still''' if None"],
                 [{"def": "keyword", "f": "function", '"a\\"b"': "string", "0x1f": "number", "# c": "comment"},
                  {"'''open": "string"}, {"still'''": "string", "if": "keyword", "None": "constant"}]),
                ("C++", ["#include <a>", "/* a", "b */ int x = 1.5e3f; // c"],
                 [{"#include": "meta"}, {"/* a": "comment"}, {"b */": "comment", "int": "keyword", "1.5e3f": "number",
                                                              "// c": "comment"}]),
                ("js", ["const a = `x", "${y}` + null;"], [{"const": "keyword", "`x": "string"}, {"${y}`": "string",
                                                                                                  "null": "constant"}]),
                ("html", ['<a href="x">&amp;<!-- c', "d --></a>"],
                 [{"<a": "tag", "href": "meta", '"x"': "string", "&amp;": "constant", "<!-- c": "comment"},
                  {"d -->": "comment", "</a>": "tag"}]),
                ("sql", ["SELECT a FROM b -- c"], [{"SELECT": "keyword", "FROM": "keyword", "-- c": "comment"}]),
                ("json", ['{"a": [1, true, "b"]}'], [{'"a"': "meta", "1": "number", "true": "constant", '"b"': "string"}]),
                ("sh", ["echo \"a $b\" # c", "x=${y}#z"], [{"echo": "keyword", '"a $b"': "string", "# c": "comment"},
                                                           {"${y}": "meta"}]),
                ("diff", ["@@ 1 @@", "+a", "-b", " c"], [{"@@ 1 @@": "meta"}, {"+a": "added"}, {"-b": "removed"}, {" c": ""}]),
                ("unheard-of", ["if 1"], [{"if 1": ""}])):
            for found, expected in zip(self.page.evaluate(colour, [name, lines]), kinds):
                self.assertLessEqual(expected.items(), {text: kind for kind, text in found}.items(), name)

    def test_colours_keep_the_text(self):
        chance = random.Random(3)
        parts = ['"', "'", "`", "/*", "*/", "//", "#", "<!--", "-->", "<a ", ">", "\\", "x1", "0x", "9.", " ", "\t", "{", "é",
                 "🌬", "--", "[[", "]]", "'''", "R\"(", ")\"", "$", "@a", "if", "_"]
        lines = ["".join(chance.choices(parts, k=chance.randint(0, 12))) for _ in range(300)]
        wrong = self.page.evaluate("""async (lines) => {
          const {highlightLine} = await import('/page/highlight.js');
          const {languageNames, languageOf} = await import('/page/languages.js');
          const wrong = [];
          for (const name of languageNames) {
            let state = null;
            for (const line of lines) {
              const done = highlightLine(languageOf(name), state, line);
              state = done.state;
              if (done.tokens.map(([, text]) => text).join('') !== line) wrong.push([name, line]);
            }
          }
          return [languageNames.length, wrong];
        }""", lines)
        self.assertGreater(wrong[0], 50)
        self.assertEqual(wrong[1], [])
