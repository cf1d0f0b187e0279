#include "sirocco/cli/terminal/keys.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

void PrintTo(const Key& key, std::ostream* out) {
  *out << static_cast<int>(key.kind) << " '" << key.text << "'";
}

namespace {

using Keys = std::vector<Key>;

Key text(std::string_view text) { return {KeyKind::kText, std::string(text)}; }
Key key(KeyKind kind) { return {kind}; }

Keys decoded(std::string_view bytes) { return KeyDecoder().push(bytes); }

/// Neighbouring texts in one key.
Keys joined(const Keys& keys) {
  Keys out;
  for (const Key& k : keys) {
    if (k.kind == KeyKind::kText && !out.empty() && out.back().kind == KeyKind::kText) {
      out.back().text += k.text;
    } else {
      out.push_back(k);
    }
  }
  return out;
}

Keys byte_by_byte(std::string_view bytes) {
  KeyDecoder decoder;
  Keys out;
  for (const char byte : bytes) {
    for (const Key& k : decoder.push({&byte, 1})) out.push_back(k);
  }
  return joined(out);
}

TEST(Keys, TypedLines) {
  EXPECT_EQ(decoded("if x:\ty\r"), (Keys{text("if x:\ty"), key(KeyKind::kEnter)}));
  EXPECT_EQ(decoded("\r"), Keys{key(KeyKind::kEnter)});
  EXPECT_EQ(decoded("a\n"), (Keys{text("a"), key(KeyKind::kEnter)}));
  EXPECT_EQ(decoded("a\r\n"), (Keys{text("a"), key(KeyKind::kEnter)}));
  EXPECT_EQ(decoded("日本🙂"), Keys{text("日本🙂")});
}

TEST(Keys, Commands) {
  const std::pair<std::string_view, KeyKind> cases[] = {
      {"\x01", KeyKind::kHome},
      {"\x03", KeyKind::kInterrupt},
      {"\x04", KeyKind::kDeleteOrLeave},
      {"\x08", KeyKind::kBackspace},
      {"\x7f", KeyKind::kBackspace},
      {"\x1a", KeyKind::kSuspend},
      {"\x1b[A", KeyKind::kUp},
      {"\x1bOB", KeyKind::kDown},
      {"\x1b[1;5C", KeyKind::kWordRight},
      {"\x1b[3~", KeyKind::kDelete},
      {"\x1b\x7f", KeyKind::kKillWordLeft},
      {"\x1b"
       "b",
       KeyKind::kWordLeft},
      {"\x1b\x1b[D", KeyKind::kLeft},
      {"\x1b[4~", KeyKind::kEnd},
      {"\x1b\x03", KeyKind::kInterrupt},
      {"\x1b[1\x03", KeyKind::kInterrupt},
  };
  for (const auto& [bytes, kind] : cases) {
    EXPECT_EQ(decoded(bytes), Keys{key(kind)}) << bytes;
    EXPECT_EQ(byte_by_byte(bytes), Keys{key(kind)}) << bytes;
  }
  EXPECT_EQ(decoded("\x1b[A\n"), (Keys{key(KeyKind::kUp), key(KeyKind::kEnter)}));
}

TEST(Keys, NewLineInAMessage) {
  for (const char* bytes : {"a\x1b\r", "a\x1b\n", "a\x1b[13;2u", "a\x1b[27;2;13~"}) {
    EXPECT_EQ(decoded(bytes), Keys{text("a\n")}) << bytes;
  }
}

TEST(Keys, UnknownSequencesArePassedOver) {
  for (const char* bytes : {"\x1b[999;1R", "\x1b[I", "\x1b[[A", "\x1bOP", "\x1bz", "\x11", "\x16",
                            "\x1b[<0;1;1M", "\x1b[201~"}) {
    EXPECT_EQ(decoded(std::string(bytes) + "a"), Keys{text("a")}) << bytes;
  }
  const std::string endless = "\x1b[" + std::string(100, '1');
  EXPECT_LE(decoded(endless + "\x03").size(), 2u);
  EXPECT_EQ(decoded(endless + "\x03").back(), key(KeyKind::kInterrupt));
}

TEST(Keys, MarkedPastesAreText) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"one\ntwo\nthree", "one\ntwo\nthree"},
      {"one\rtwo\r", "one\ntwo\n"},
      {"one\r\ntwo\r\n\r\nthree\n\n", "one\ntwo\n\nthree\n\n"},
      {"if x:\n\ty\t= 1", "if x:\n\ty\t= 1"},
      {"\x1b[A\x03\x04\x1a\x15\x7f\x1b[31mred", "\x1b[A\x03\x04\x1a\x15\x7f\x1b[31mred"},
      {"\x1b[20\x1b[201", "\x1b[20\x1b[201"},
      {"é日🙂", "é日🙂"},
      {"a\xff\xe6\x97z", "a\ufffd\ufffdz"},
      {"/bye\r", "/bye\n"},
  };
  for (const auto& [bytes, expected] : cases) {
    const std::string paste = "x\x1b[200~" + std::string(bytes) + "\x1b[201~\r";
    const Keys keys = {text("x" + std::string(expected)), key(KeyKind::kEnter)};
    EXPECT_EQ(decoded(paste), keys) << bytes;
    // Ctrl-C by itself leaves a paste; see below.
    if (bytes.find("\x03") == bytes.npos) {
      EXPECT_EQ(byte_by_byte(paste), keys) << bytes;
    }
    for (std::size_t cut = 1; cut < paste.size(); ++cut) {
      KeyDecoder decoder;
      Keys out = decoder.push(paste.substr(0, cut));
      for (const Key& k : decoder.push(paste.substr(cut))) out.push_back(k);
      EXPECT_EQ(joined(out), keys) << bytes << " cut at " << cut;
    }
  }
}

TEST(Keys, AMegabyteInPieces) {
  std::string lines;
  while (lines.size() < (1 << 20)) lines += "a line with é and \x1b[201 in it\n";
  KeyDecoder decoder;
  Keys keys = decoder.push("\x1b[200~");
  for (std::size_t i = 0; i < lines.size(); i += 4095) {
    for (const Key& k : decoder.push(std::string_view(lines).substr(i, 4095))) keys.push_back(k);
  }
  EXPECT_TRUE(keys.empty());
  keys = decoder.push("\x1b[201~");
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].text, lines);
}

TEST(Keys, APasteWithoutAnEndCanBeLeft) {
  KeyDecoder decoder;
  EXPECT_EQ(decoder.push("\x1b[200~abc"), Keys{});
  EXPECT_EQ(decoder.push("d\x03"), Keys{});
  EXPECT_EQ(decoder.push("\x03"), Keys{key(KeyKind::kInterrupt)});
  EXPECT_EQ(decoder.push("e"), Keys{text("e")});
  decoder.push("\x1b[200~abc");
  decoder.reset();
  EXPECT_EQ(decoder.push("f"), Keys{text("f")});
}

TEST(Keys, LinesThatArriveTogetherArePasted) {
  const auto enter = key(KeyKind::kEnter);
  EXPECT_EQ(decoded("one\rtwo\rthree"), Keys{text("one\ntwo\nthree")});
  EXPECT_EQ(decoded("one\r\ntwo\nthree\r\n"), (Keys{text("one\ntwo\nthree"), enter}));
  EXPECT_EQ(decoded("one\r\r\ttwo\r\r"), (Keys{text("one\n\n\ttwo\n"), enter}));
  // Keys that mean something don't belong to it.
  EXPECT_EQ(decoded("one\r\x04"), (Keys{text("one"), enter, key(KeyKind::kDeleteOrLeave)}));
  EXPECT_EQ(decoded("one\r\x1b[A"), (Keys{text("one"), enter, key(KeyKind::kUp)}));
}

TEST(Keys, CharactersThatAreNotWhole) {
  KeyDecoder decoder;
  EXPECT_EQ(decoder.push("\xe6\x97"), Keys{});
  EXPECT_EQ(decoder.push("\xa5"), Keys{text("日")});
  EXPECT_EQ(decoder.push("\xe6\x97"), Keys{});
  EXPECT_EQ(decoder.push("\r"), (Keys{text("\ufffd"), key(KeyKind::kEnter)}));
  EXPECT_EQ(decoded("\xff\xc3\xe6\x97\xa5z"), Keys{text("\ufffd\ufffd日z")});
}

TEST(Keys, OfTerminalsThatEditLines) {
  KeyDecoder decoder = KeyDecoder::of_lines();
  EXPECT_EQ(decoder.push("a\x1b[A\x04\tb\n"), (Keys{text("a[A\tb"), key(KeyKind::kEnter)}));
  EXPECT_EQ(decoder.push("one\ntwo\n"), (Keys{text("one\ntwo"), key(KeyKind::kEnter)}));
}

}  // namespace
}  // namespace sirocco
