#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/conversation_file.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/message_assembler.hpp"
#include "sirocco/cli/run_commands.hpp"
#include "sirocco/cli/run_settings.hpp"
#include "sirocco/cli/terminal_text.hpp"

namespace sirocco {
namespace {

using testing::HasSubstr;

std::string error_of(auto&& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(TerminalText, KeepsTextAndDropsWhatSteers) {
  EXPECT_EQ(terminal_safe("a\tb\nc é 日本 🙂"), "a\tb\nc é 日本 🙂");
  EXPECT_EQ(terminal_safe("\x1b[2Jred\x1b]0;title\x07"), "[2Jred]0;title");
  EXPECT_EQ(terminal_safe("a\r\b\x7fz"), "az");
  EXPECT_EQ(terminal_safe(std::string("a\0b", 3)), "ab");
  // U+009B is one character that begins an escape sequence; the byte alone isn't UTF-8.
  EXPECT_EQ(terminal_safe("a\u009b31mb"), "a31mb");
  EXPECT_EQ(terminal_safe("a\x9b"
                          "b\xe6"),
            "ab");
  EXPECT_EQ(terminal_safe("\u00a0"), "\u00a0");
}

TEST(MessageAssembler, OneLine) {
  MessageAssembler assembler;
  const auto message = assembler.push("hello");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->text, "hello");
  EXPECT_TRUE(message->one_line);
  EXPECT_FALSE(assembler.pending());
  EXPECT_EQ(assembler.push("")->text, "");
}

TEST(MessageAssembler, BackslashGoesOn) {
  MessageAssembler assembler;
  EXPECT_FALSE(assembler.push("a\\"));
  EXPECT_TRUE(assembler.pending());
  EXPECT_FALSE(assembler.push("b\\"));
  const auto message = assembler.push("/c");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->text, "a\nb\n/c");
  EXPECT_FALSE(message->one_line);
  EXPECT_FALSE(assembler.pending());
}

struct Quoted {
  std::vector<std::string> lines;
  std::string text;
};

TEST(MessageAssembler, Quotes) {
  const Quoted cases[] = {
      {{"\"\"\"hi\"\"\""}, "hi"},
      {{"\"\"\"a", "b\"\"\""}, "a\nb"},
      {{"\"\"\"", "a", "", "b\\", "\"\"\"  "}, "a\n\nb\\"},
      {{"\"\"\"", "", "a\"\"\""}, "\na"},
      {{"\"\"\"\"\"\""}, ""},
      {{"\"\"\"/help", "\"\"\""}, "/help"},
  };
  for (const Quoted& c : cases) {
    MessageAssembler assembler;
    for (std::size_t i = 0; i + 1 < c.lines.size(); ++i) {
      EXPECT_FALSE(assembler.push(c.lines[i])) << c.text;
      EXPECT_TRUE(assembler.pending()) << c.text;
    }
    const auto message = assembler.push(c.lines.back());
    ASSERT_TRUE(message) << c.text;
    EXPECT_EQ(message->text, c.text);
    EXPECT_FALSE(message->one_line);
    EXPECT_FALSE(assembler.pending());
  }
}

TEST(MessageAssembler, LinesThatComeTogether) {
  const std::pair<const char*, const char*> cases[] = {
      {"one\ntwo", "one\ntwo"},
      {"/help\nme", "/help\nme"},
      {"a\\\nb\\", "a\\\nb\\"},
      {"\"\"\"Doc.\"\"\"\nimport os", "\"\"\"Doc.\"\"\"\nimport os"},
      {"x = \"\"\"\na\"\"\"", "x = \"\"\"\na\"\"\""},
      {"\"\"\"one\ntwo\"\"\"", "one\ntwo"},
      {"\"\"\"\n one\n\ntwo\n\"\"\" ", " one\n\ntwo"},
      {"\"\"\"\n\"\"\"", ""},
      {"\"\"\"\"\n", "\"\"\"\"\n"},
  };
  for (const auto& [lines, text] : cases) {
    MessageAssembler assembler;
    const auto message = assembler.push(lines);
    ASSERT_TRUE(message) << lines;
    EXPECT_EQ(message->text, text);
    EXPECT_FALSE(message->one_line);
    EXPECT_FALSE(assembler.pending());
  }
  MessageAssembler assembler;
  EXPECT_FALSE(assembler.push("\"\"\""));
  EXPECT_FALSE(assembler.push("one\n/bye\\\ntwo"));
  EXPECT_FALSE(assembler.push("\nthree"));
  EXPECT_EQ(assembler.push("\"\"\"")->text, "one\n/bye\\\ntwo\n\nthree");
  EXPECT_FALSE(assembler.push("\"\"\"a"));
  EXPECT_EQ(assembler.push("b\nc\"\"\"")->text, "a\nb\nc");
  EXPECT_FALSE(assembler.push("a\\"));
  EXPECT_EQ(assembler.push("b\nc")->text, "a\nb\nc");
}

TEST(MessageAssembler, ResetForgets) {
  MessageAssembler assembler;
  EXPECT_FALSE(assembler.push("\"\"\""));
  assembler.reset();
  EXPECT_FALSE(assembler.push("x\\"));
  EXPECT_EQ(assembler.push("y")->text, "x\ny");
}

TEST(Conversation, FilesAreWholeOrUntouched) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "sirocco_conversation";
  std::filesystem::create_directories(folder);
  const std::filesystem::path path = folder / "talk.json";
  const Conversation conversation{"s", {{"user", "a"}, {"assistant", "b"}}};
  save_conversation(conversation, path);
  EXPECT_EQ(load_conversation(path), conversation);
  EXPECT_THROW(save_conversation(conversation, folder / "none" / "talk.json"), IoError);
  EXPECT_THROW(load_conversation(folder / "none.json"), NotFound);
  std::filesystem::remove_all(folder);
}

TEST(RunSettings, EveryRowShowsWhatItTakes) {
  for (const Setting& setting : run_settings_table()) {
    RunSettings settings;
    const std::string before = setting.show(settings);
    EXPECT_TRUE(setting.assign(settings, before)) << setting.name;
    EXPECT_EQ(setting.show(settings), before) << setting.name;
    EXPECT_TRUE(setting.assign(settings, "1")) << setting.name;
    EXPECT_EQ(setting.show(settings), "1") << setting.name;
    for (const char* wrong : {"", "x", "1x", " 1", "nan", "-3", "1e999", "inf"}) {
      EXPECT_FALSE(setting.assign(settings, wrong)) << setting.name << " " << wrong;
      EXPECT_EQ(setting.show(settings), "1") << setting.name << " " << wrong;
    }
    EXPECT_NO_THROW(validate(settings.sampling, 100)) << setting.name;
  }
}

TEST(RunSettings, ExtremesAreWhatSamplingTakes) {
  const std::pair<const char*, const char*> cases[] = {
      {"temp", "0"},
      {"temp", "100"},
      {"top_k", "0"},
      {"top_p", "0"},
      {"top_p", "1"},
      {"min_p", "0"},
      {"min_p", "1"},
      {"typical", "1e-9"},
      {"repeat-penalty", "100"},
      {"seed", "0"},
      {"frequency_penalty", "-2"},
      {"presence_penalty", "2"},
  };
  for (const auto& [name, value] : cases) {
    RunSettings settings;
    ASSERT_NO_THROW(assign_setting(settings, name, value)) << name << " " << value;
    EXPECT_NO_THROW(validate(settings.sampling, 100)) << name << " " << value;
  }
}

TEST(RunSettings, ByName) {
  RunSettings settings;
  assign_setting(settings, "top-k", "7");
  assign_setting(settings, "temp", "0.25");
  assign_setting(settings, "seed", "18446744073709551615");
  assign_setting(settings, "n", "3");
  EXPECT_EQ(settings.sampling.top_k, 7);
  EXPECT_EQ(settings.sampling.temperature, 0.25f);
  EXPECT_EQ(settings.seed, 18446744073709551615u);
  EXPECT_EQ(settings.max_tokens, 3);
  assign_setting(settings, "seed", "random");
  assign_setting(settings, "n", "default");
  EXPECT_FALSE(settings.seed);
  EXPECT_FALSE(settings.max_tokens);
}

TEST(RunSettings, ErrorsSayWhatThereIs) {
  RunSettings settings;
  EXPECT_THAT(error_of([&] { assign_setting(settings, "heat", "1"); }),
              testing::AllOf(HasSubstr("'heat'"), HasSubstr("temp, top_k")));
  EXPECT_THAT(error_of([&] { assign_setting(settings, "top_p", "2"); }),
              testing::AllOf(HasSubstr("top_p"), HasSubstr("'2'"), HasSubstr("0 to 1")));
  EXPECT_THAT(error_of([&] { assign_setting(settings, "n", "0"); }), HasSubstr("from 1"));
}

TEST(ChatCommands, Parse) {
  EXPECT_TRUE(is_chat_command("/help"));
  EXPECT_FALSE(is_chat_command(" /help"));
  EXPECT_EQ(parse_chat_command("/help  ").kind, ChatCommandKind::kHelp);
  const TypedCommand set = parse_chat_command("/set \t temp 0.7 ");
  EXPECT_EQ(set.kind, ChatCommandKind::kSet);
  EXPECT_EQ(set.argument, "temp 0.7");
  EXPECT_EQ(parse_chat_command("/system").argument, "");
  EXPECT_EQ(parse_chat_command("/wrap off").kind, ChatCommandKind::kWrap);
  EXPECT_EQ(parse_chat_command("/bye").kind, parse_chat_command("/exit").kind);
}

TEST(ChatCommands, ErrorsSayWhatThereIs) {
  const std::string unknown = error_of([] { parse_chat_command("/hepl me"); });
  EXPECT_THAT(unknown, HasSubstr("'/hepl'"));
  for (const ChatCommand& command : chat_commands()) {
    EXPECT_THAT(unknown, HasSubstr(command.name));
    EXPECT_THAT(chat_help(), HasSubstr(command.usage));
  }
  EXPECT_THAT(error_of([] { parse_chat_command("/save"); }), HasSubstr("/save FILE"));
  EXPECT_THAT(error_of([] { parse_chat_command("/clear all"); }), HasSubstr("usage: /clear"));
  EXPECT_THAT(error_of([] { parse_chat_command("/"); }), HasSubstr("'/'"));
}

}  // namespace
}  // namespace sirocco
