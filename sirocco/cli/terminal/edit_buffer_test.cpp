#include "sirocco/cli/terminal/edit_buffer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sirocco {
namespace {

/// The text with a bar where the cursor is.
std::string state(const EditBuffer& buffer) {
  std::string out = buffer.text();
  return out.insert(buffer.cursor(), "|");
}

EditBuffer buffer(std::string_view with_bar) {
  EditBuffer out;
  const std::size_t bar = with_bar.find('|');
  out.insert(with_bar.substr(bar + 1));
  while (out.cursor() > 0) out.left();
  out.insert(with_bar.substr(0, bar));
  return out;
}

using Action = void (*)(EditBuffer&);

struct Edit {
  const char* before;
  Action action;
  const char* after;
};

TEST(EditBuffer, Edits) {
  const Action left = [](EditBuffer& b) { b.left(); };
  const Action right = [](EditBuffer& b) { b.right(); };
  const Action home = [](EditBuffer& b) { b.home(); };
  const Action end = [](EditBuffer& b) { b.end(); };
  const Action word_left = [](EditBuffer& b) { b.word_left(); };
  const Action word_right = [](EditBuffer& b) { b.word_right(); };
  const Action up = [](EditBuffer& b) { b.up(); };
  const Action down = [](EditBuffer& b) { b.down(); };
  const Action backspace = [](EditBuffer& b) { b.erase_left(); };
  const Action erase = [](EditBuffer& b) { b.erase_right(); };
  const Action kill_left = [](EditBuffer& b) { b.kill_line_left(); };
  const Action kill_right = [](EditBuffer& b) { b.kill_line_right(); };
  const Action kill_word = [](EditBuffer& b) { b.kill_word_left(); };
  const Action kill_next = [](EditBuffer& b) { b.kill_word_right(); };
  const Action kill_blank = [](EditBuffer& b) { b.kill_to_blank(); };
  const Action transpose = [](EditBuffer& b) { b.transpose(); };
  const Edit cases[] = {
      {"ab|", left, "a|b"},
      {"|ab", left, "|ab"},
      {"a\n|b", left, "a|\nb"},
      {"日本|", left, "日|本"},
      {"xe\u0301|", left, "x|e\u0301"},
      {"|🇫🇷🇩🇪", right, "🇫🇷|🇩🇪"},
      {"ab|", right, "ab|"},
      {"a\nbc|d", home, "a\n|bcd"},
      {"a\n|bcd", home, "|a\nbcd"},
      {"a|b\ncd", end, "ab|\ncd"},
      {"ab|\ncd", end, "ab\ncd|"},
      {"one two-three|", word_left, "one two-|three"},
      {"one  |two", word_left, "|one  two"},
      {"|one two", word_right, "one| two"},
      {"one|\n\ntwo", word_right, "one\n\ntwo|"},
      {"abc\nd|", up, "a|bc\nd"},
      {"a\nbc|", up, "a|\nbc"},
      {"日本\nabc|", up, "日|本\nabc"},
      {"|a\nb", up, "|a\nb"},
      {"ab|c\nd\nef", down, "abc\nd|\nef"},
      {"a\nb|", down, "a\nb|"},
      {"ab|c", backspace, "a|c"},
      {"a\n|b", backspace, "a|b"},
      {"|a", backspace, "|a"},
      {"xe\u0301|", backspace, "x|"},
      {"a|b", erase, "a|"},
      {"a|", erase, "a|"},
      {"one\ntw|o", kill_left, "one\n|o"},
      {"one\n|two", kill_left, "one|two"},
      {"on|e\ntwo", kill_right, "on|\ntwo"},
      {"one|\ntwo", kill_right, "one|two"},
      {"one two|", kill_word, "one |"},
      {"|one two", kill_next, "| two"},
      {"a b-c.d  |e", kill_blank, "a |e"},
      {"ab|", transpose, "ba|"},
      {"a|b", transpose, "ba|"},
      {"日|a", transpose, "a日|"},
      {"|ab", transpose, "|ab"},
      {"a|", transpose, "a|"},
      {"x\n|ab", transpose, "x\n|ab"},
      {"x\n|", transpose, "x\n|"},
      {"|", backspace, "|"},
      {"|", word_right, "|"},
      {"|", transpose, "|"},
  };
  for (const Edit& c : cases) {
    EditBuffer b = buffer(c.before);
    ASSERT_EQ(state(b), c.before);
    c.action(b);
    EXPECT_EQ(state(b), c.after) << "from " << c.before;
  }
}

TEST(EditBuffer, WhatWasKilledComesBack) {
  EditBuffer b = buffer("one two|three");
  b.kill_word_left();
  b.yank();
  b.to_end();
  b.yank();
  EXPECT_EQ(state(b), "one twothreetwo|");
  b.set("x");
  b.kill_line_right();
  b.yank();
  EXPECT_EQ(state(b), "xtwo|");
}

}  // namespace
}  // namespace sirocco
