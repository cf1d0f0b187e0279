#include "sirocco/cli/terminal/word_wrapper.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {
namespace {

std::string wrapped(std::string_view text, int columns) {
  WordWrapper wrapper;
  wrapper.set_columns(columns);
  std::string out;
  wrapper.push(text, out);
  wrapper.finish(out);
  return out;
}

struct Case {
  const char* text;
  const char* expected;
};

TEST(WordWrapper, BreaksBetweenWords) {
  const Case cases[] = {
      {"", ""},
      {"one two", "one two"},
      {"one two three", "one two\nthree"},
      {"0123456789 x", "0123456789\nx"},
      {"01234 6789 x", "01234 6789\nx"},
      {"01234 67890 x", "01234\n67890 x"},
      {"one two   three", "one two\nthree"},
      {"one   two three", "one   two\nthree"},
      {"one two\nthree four", "one two\nthree four"},
      {"one two\n\n\nthree", "one two\n\n\nthree"},
      {"one two three\n", "one two\nthree\n"},
      {"one two  ", "one two  "},
      {"0123456789 \nx", "0123456789\nx"},
      {"one\ttwo", "one\ntwo"},
      {"one\tt", "one\tt"},
      {"a\u00a0b\u00a0c\u00a0d\u00a0e f", "a\u00a0b\u00a0c\u00a0d\u00a0e\nf"},
      {"well-known y", "well-known\ny"},
  };
  for (const Case& c : cases) EXPECT_EQ(wrapped(c.text, 10), c.expected) << c.text;
}

TEST(WordWrapper, WordsWiderThanTheTerminalAreLeftToIt) {
  const Case cases[] = {
      {"https://example.org/a", "https://example.org/a"},
      {"see https://example.org/a", "see\nhttps://example.org/a"},
      // 21 columns: one of the third row is taken.
      {"https://example.org/a b", "https://example.org/a b"},
      {"https://example.org/a 12345678 b", "https://example.org/a 12345678\nb"},
      {"https://example.org/a 123456789", "https://example.org/a\n123456789"},
      {"01234567890123456789 x", "01234567890123456789\nx"},
  };
  for (const Case& c : cases) EXPECT_EQ(wrapped(c.text, 10), c.expected) << c.text;
}

TEST(WordWrapper, CountsColumns) {
  const Case cases[] = {
      {"日本語日本語", "日本語日本\n語"},
      {"a日本語日本語", "a日本語日\n本語"},
      // Neither a closing mark first nor an opening one last.
      {"日本語日本。語", "日本語日\n本。語"},
      {"日本語日「本」", "日本語日\n「本」"},
      {"日本語ab cd", "日本語ab\ncd"},
      {"日本語 ab cd", "日本語 ab\ncd"},
      {"日本語\u3000日本", "日本語\u3000日\n本"},
      {"한국어 한국어", "한국어\n한국어"},
      {"🙂🙂🙂🙂🙂🙂", "🙂🙂🙂🙂🙂\n🙂"},
      {"ne\u0301e ne\u0301e abc", "ne\u0301e ne\u0301e\nabc"},
      {"👩\u200D👩\u200D👧👩\u200D👩\u200D👧 abcde f",
       "👩\u200D👩\u200D👧👩\u200D👩\u200D👧 abcde\nf"},
      {"🇫🇷🇩🇪 12345 x", "🇫🇷🇩🇪 12345\nx"},
  };
  for (const Case& c : cases) EXPECT_EQ(wrapped(c.text, 10), c.expected) << c.text;
}

TEST(WordWrapper, CodeAndIndentedLinesStayAsTheyAre) {
  const char* const unchanged[] = {
      "```\nint main(int argc, char** argv);\n```\n",
      "```python title=a b c d e f\nx = [1, 2, 3, 4, 5, 6]\n```",
      "~~~~\n```\nnot the end of the code\n~~~\nnor this one here\n~~~~\n",
      "   ```cpp\nstill code in this line\n   ```\n",
      "    an indented line of code here\n",
      "\tan indented line of code here\n",
      "``` an inline `code` that is no fence\n",
  };
  for (const char* text : unchanged) {
    EXPECT_EQ(wrapped(text, 10), text);
    EXPECT_EQ(wrapped(std::string(text) + "\nx", 10), std::string(text) + "\nx");
  }
  const Case cases[] = {
      {"```\na b c d e f g h\n```\none two three", "```\na b c d e f g h\n```\none two\nthree"},
      {"``` `x` y z\none two three", "``` `x` y z\none two\nthree"},
      {"``one`` two three", "``one``\ntwo three"},
      {"`one` two three", "`one` two\nthree"},
      {"~~one~~ two three", "~~one~~\ntwo three"},
      {"one ``` two\nthree four x", "one ```\ntwo\nthree four\nx"},
  };
  for (const Case& c : cases) EXPECT_EQ(wrapped(c.text, 10), c.expected) << c.text;
}

TEST(WordWrapper, UnknownAndTinyTerminalsWrapThemselves) {
  const std::string text = "one two three four  \n  five \t six";
  EXPECT_EQ(wrapped(text, 0), text);
  EXPECT_EQ(wrapped(text, WordWrapper::kMinColumns - 1), text);
}

TEST(WordWrapper, AnotherWidthOnTheWay) {
  WordWrapper wrapper;
  std::string out;
  wrapper.set_columns(20);
  wrapper.push("one two three four ", out);
  wrapper.set_columns(10);
  wrapper.push("five six seven e", out);
  wrapper.set_columns(0);
  wrapper.push("ight nine ten eleven twelve", out);
  wrapper.finish(out);
  EXPECT_EQ(out, "one two three four\nfive six\nseven eight nine ten eleven twelve");
}

TEST(WordWrapper, HoldsBackNoMoreThanAWord) {
  WordWrapper wrapper;
  wrapper.set_columns(20);
  std::string out;
  wrapper.push("one tw", out);
  EXPECT_EQ(out, "one");
  wrapper.push("o three", out);
  EXPECT_EQ(out, "one two");
  wrapper.push("\n  ind", out);
  EXPECT_EQ(out, "one two three\n  ind");
  wrapper.push("\n```c\nint", out);
  EXPECT_EQ(out, "one two three\n  ind\n```c\nint");
}

std::vector<std::string> pieces() {
  return {"a",
          "word",
          " ",
          "  ",
          "\n",
          "\t",
          "```",
          "`",
          "~~~\n",
          "日",
          "。",
          "「",
          "🙂",
          "한국",
          "e\u0301",
          "\u200D",
          "🇫🇷",
          "\u00a0",
          "-",
          ".",
          "(x)",
          "\u3000",
          "\u200b",
          "https://a.bc/",
          "\u2764\uFE0F",
          "\n    ",
          "```c\n"};
}

std::string any_text(std::mt19937& random) {
  const std::vector<std::string> all = pieces();
  std::string text;
  for (std::size_t count = random() % 60; count > 0; --count) text += all[random() % all.size()];
  return text;
}

std::string without(std::string_view text, std::string_view dropped) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Cluster cluster = cluster_at(text, i);
    const std::string_view part = text.substr(i, cluster.size);
    if (dropped.find(part) == dropped.npos) out += part;
    i += cluster.size;
  }
  return out;
}

/// Any cut of the stream, within clusters too, comes out the same; nothing is lost but blanks; and
/// rows that hold a place to break are no wider than the terminal.
TEST(WordWrapper, AnyCutsGiveTheSame) {
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = any_text(random);
    const int columns = static_cast<int>(10 + random() % 15);
    const std::string whole = wrapped(text, columns);
    WordWrapper wrapper;
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      std::size_t end = i;
      do {
        ++end;
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
      } while (end < text.size() && random() % 3 != 0);
      wrapper.set_columns(columns);
      wrapper.push(std::string_view(text).substr(i, end - i), out);
      i = end;
    }
    wrapper.finish(out);
    ASSERT_EQ(out, whole) << text;
    constexpr std::string_view kBlanks = " \t\n\u3000\u200b";
    ASSERT_EQ(without(out, kBlanks), without(text, kBlanks)) << text;
    // What is broken already isn't broken again.
    if (text.find_first_of("`~\t") == text.npos && text.find("\n ") == text.npos) {
      ASSERT_EQ(wrapped(out, columns), out) << text;
    }
  }
}

TEST(WordWrapper, RowsAreNoWiderThanTheTerminal) {
  std::mt19937 random(13);
  const std::vector<std::string> words = {"a",        "bcd", "efghi", "日本", "🙂",
                                          "e\u0301x", " ",   "  ",    "日。", "\n"};
  for (int round = 0; round < 500; ++round) {
    std::string text = "x";
    for (int i = 0; i < 40; ++i) {
      text += words[random() % words.size()];
      text += random() % 2 == 0 ? " " : "日";
    }
    const auto columns = static_cast<std::size_t>(12 + random() % 10);
    const std::string out = wrapped(text, static_cast<int>(columns));
    for (std::size_t i = 0; i < out.size();) {
      const std::size_t end = std::min(out.find('\n', i), out.size());
      const std::string_view row = std::string_view(out).substr(i, end - i);
      if (!row.starts_with(' ')) {
        ASSERT_LE(columns_of(row), columns) << text;
      }
      i = end + 1;
    }
  }
}

}  // namespace
}  // namespace sirocco
