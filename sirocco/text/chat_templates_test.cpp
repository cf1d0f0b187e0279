#include "sirocco/text/chat_templates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/tokenizer_files.hpp"
#include "sirocco/text/tokenizer_fixture.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using OrderedJson = nlohmann::ordered_json;

class FakeFiles : public CompanionFiles {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;
  explicit FakeFiles(Map files) : files_(std::move(files)) {}
  std::optional<std::string_view> find(std::string_view name) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) return std::nullopt;
    return found->second;
  }
  std::vector<std::string> list(std::string_view folder) const override {
    std::vector<std::string> names;
    const std::string prefix = std::string(folder) + "/";
    for (const auto& [name, text] : files_) {
      if (name.starts_with(prefix) && name.find('/', prefix.size()) == std::string::npos)
        names.push_back(name.substr(prefix.size()));
    }
    return names;
  }
  std::string origin(std::string_view name) const override { return "folder/" + std::string(name); }

 private:
  Map files_;
};

OrderedJson golden() {
  return OrderedJson::parse(read_file(source_path("tests/golden/templates/choices.json")));
}

/// The template that is chosen; nothing where there is none.
std::optional<std::string> choice(const ChatTemplates& templates, bool with_tools) {
  try {
    return std::string(templates.choose(with_tools));
  } catch (const NotFound&) {
    return std::nullopt;
  }
}

std::optional<std::string> expected(const OrderedJson& text) {
  return text.is_null() ? std::nullopt : std::optional(text.get<std::string>());
}

std::set<std::string> keys(const OrderedJson& object) {
  std::set<std::string> out;
  for (const auto& [key, value] : object.items()) out.insert(key);
  return out;
}

TEST(ChatTemplates, OfAFolderAreThoseOfTransformers) {
  const OrderedJson recorded = golden();
  ASSERT_GT(recorded["folders"].size(), 20U);
  for (const OrderedJson& folder : recorded["folders"]) {
    SCOPED_TRACE(folder["files"].dump());
    const ChatTemplates templates =
        read_chat_templates(FakeFiles(folder["files"].get<FakeFiles::Map>()));
    const auto names = templates.names();
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), keys(folder["templates"]));
    for (const auto& [name, source] : folder["templates"].items())
      EXPECT_EQ(templates.named(name), source.get<std::string>());
    EXPECT_EQ(choice(templates, false), expected(folder["plain"]));
    EXPECT_EQ(choice(templates, true), expected(folder["tools"]));
  }
}

TEST(ChatTemplates, OfAGgufAreWhatItsWriterWasGiven) {
  const OrderedJson recorded = golden();
  for (const OrderedJson& file : recorded["gguf"]) {
    SCOPED_TRACE(file.dump());
    FixtureMetadata metadata;
    metadata.set_text("tokenizer.chat_templatex", "none");
    for (const auto& [key, value] : file["entries"].items()) {
      if (value.is_array()) {
        metadata.set_texts(key, value.get<std::vector<std::string>>());
      } else {
        metadata.set_text(key, value.get<std::string>());
      }
    }
    ChatTemplates given("list");
    if (file["list"].is_string()) given.add("default", file["list"].get<std::string>());
    for (const OrderedJson& entry : file["list"].is_array() ? file["list"] : OrderedJson::array()) {
      std::string name = entry["name"].get<std::string>();
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
      given.add(name, entry["template"].get<std::string>());
    }
    const ChatTemplates templates = read_chat_templates(metadata);
    EXPECT_EQ(templates.names(), given.names());
    for (const std::string_view name : given.names())
      EXPECT_EQ(templates.named(name), given.named(name));
    EXPECT_EQ(choice(templates, true), choice(given, true));
  }
}

TEST(ChatTemplates, WhatIsNotThereIsToldWithWhatIs) {
  ChatTemplates templates("here.gguf");
  EXPECT_THAT([&] { templates.choose(true); },
              ThrowsMessage<NotFound>(AllOf(HasSubstr("here.gguf: "), HasSubstr("no chat template"),
                                            HasSubstr("--chat-template-file"))));
  EXPECT_THAT([&] { templates.named("x"); }, ThrowsMessage<NotFound>(HasSubstr("--raw")));
  templates.add("rag", "R");
  EXPECT_THAT([&] { templates.choose(false); },
              ThrowsMessage<NotFound>(HasSubstr("--chat-template: there is 'rag'")));
  templates.add("tool_use", "T");
  EXPECT_THAT([&] { templates.choose(false); },
              ThrowsMessage<NotFound>(HasSubstr("there are 'rag', 'tool_use'")));
  EXPECT_THAT([&] { templates.named("tool\n"); },
              ThrowsMessage<NotFound>(HasSubstr("'tool\\x0a'; there are 'rag', 'tool_use'")));
  EXPECT_EQ(templates.choose(true), "T");
  EXPECT_EQ(templates.named("rag"), "R");
}

TEST(ChatTemplates, WhatIsNoTemplateIsNamed) {
  const auto reading = [](const char* member) {
    return [member] {
      read_chat_templates(FakeFiles(FakeFiles::Map{
          {"tokenizer_config.json", std::string(R"({"chat_template": )") + member + "}"}}));
    };
  };
  EXPECT_THAT(reading("3"), ThrowsMessage<FormatError>(HasSubstr("chat_template: found a number")));
  EXPECT_THAT(reading("[3]"), ThrowsMessage<FormatError>(HasSubstr("chat_template")));
  EXPECT_THAT(reading(R"([{"name": "a"}])"), ThrowsMessage<FormatError>(HasSubstr("template")));
  EXPECT_THAT(reading(R"([{"template": "a"}])"), ThrowsMessage<FormatError>(HasSubstr("name")));
  EXPECT_THAT(reading(R"({"a": 3})"), ThrowsMessage<FormatError>(HasSubstr("number")));
  EXPECT_THROW(reading("nonsense")(), FormatError);
  FixtureMetadata metadata;
  metadata.set("tokenizer.chat_template.a", std::int64_t{3});
  EXPECT_THAT([&] { read_chat_templates(metadata); },
              ThrowsMessage<FormatError>(HasSubstr("tokenizer.chat_template.a")));
}

TEST(ChatTemplates, AreBounded) {
  ChatTemplates many("here");
  for (int i = 0; i < 256; ++i) many.add(std::to_string(i), "");
  many.add("7", "again");
  EXPECT_EQ(many.named("7"), "again");
  EXPECT_THAT([&] { many.add("one more", ""); },
              ThrowsMessage<FormatError>(HasSubstr("here: more chat templates than the 256")));
  const std::string large(std::size_t{33} << 20, 'a');
  ChatTemplates heavy("here");
  heavy.add("a", large);
  heavy.add("a", large);
  EXPECT_THROW(heavy.add("b", large), FormatError);
}

Tokenizer letters() {
  return make_tokenizer(
      MemoryFiles({{"tokenizer.json",
                    R"({"model": {"type": "BPE", "vocab": {"a": 0, "<s>": 1}, "merges": []},
            "added_tokens": [{"id": 1, "content": "<s>", "special": true}]})"},
                   {"tokenizer_config.json", R"({"bos_token": "<s>"})"}}));
}

TEST(ChatFormatChoice, IsByTools) {
  ChatTemplates templates("here");
  templates.add("default", "plain{{ bos_token }}");
  templates.add("tool_use", "tools{{ bos_token }}{{ t }}");
  templates.add("rag", "rag{{ bos_token }}");
  const Tokenizer tokenizer = letters();
  const auto rendered = [&](const ChatFormat& format, std::optional<std::string> tools) {
    ChatContext context;
    context.tools = std::move(tools);
    return format.render(context).text;
  };
  const ChatFormat format = make_chat_format(templates, tokenizer);
  EXPECT_EQ(rendered(format, std::nullopt), "plain<s>");
  EXPECT_EQ(rendered(format, " null\n"), "plain<s>");
  EXPECT_EQ(rendered(format, "[]"), "tools<s>");
  EXPECT_EQ(rendered(format, "[{}]"), "tools<s>");
  ChatContext variable;
  variable.variables["tools"] = "[]";
  EXPECT_EQ(format.render(variable).text, "tools<s>");
  EXPECT_TRUE(format.chosen(variable).uses("t"));
  EXPECT_FALSE(format.chosen({}).uses("t"));
  const ChatFormat chosen = make_chat_format(templates, tokenizer, "rag");
  EXPECT_EQ(rendered(chosen, "[]"), "rag<s>");
  EXPECT_EQ(rendered(chosen, std::nullopt), "rag<s>");
  EXPECT_THROW(make_chat_format(templates, tokenizer, "other"), NotFound);
  EXPECT_THROW(make_chat_format(ChatTemplates("here"), tokenizer), NotFound);
}

TEST(ChatFormatChoice, AnEmptyTemplateIsNone) {
  ChatTemplates templates("here");
  templates.add("default", "");
  const Tokenizer tokenizer = letters();
  const auto empty = ThrowsMessage<NotFound>(HasSubstr("template is empty"));
  EXPECT_THAT([&] { make_chat_format(templates, tokenizer).render({}); }, empty);
  EXPECT_THAT([&] { make_chat_format(templates, tokenizer, "default"); }, empty);
}

TEST(ChatFormatChoice, ATemplateThatIsNotWantedMayBeBroken) {
  ChatTemplates templates("here");
  templates.add("default", "plain");
  templates.add("tool_use", "{% if %}");
  const Tokenizer tokenizer = letters();
  ChatContext with_tools;
  with_tools.tools = "[]";
  {
    const ChatFormat format = make_chat_format(templates, tokenizer);
    EXPECT_EQ(format.render({}).text, "plain");
    EXPECT_THROW(format.render(with_tools), FormatError);
  }
  templates.add("default", "{% include 'x' %}");
  templates.add("tool_use", "tools");
  const ChatFormat format = make_chat_format(templates, tokenizer);
  EXPECT_EQ(format.render(with_tools).text, "tools");
  EXPECT_THROW(format.render({}), UnsupportedError);
}

}  // namespace
}  // namespace sirocco
