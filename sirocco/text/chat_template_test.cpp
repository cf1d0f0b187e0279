#include "sirocco/text/chat_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "sirocco/base/error.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using OrderedJson = nlohmann::ordered_json;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

ChatContext with_messages(std::string_view messages) {
  ChatContext context;
  context.messages = jinja::Value::from_json(messages, "messages");
  context.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  context.clock = [] { return std::tm{}; };
  return context;
}

/// The prompt with its trusted bytes between « and ».
std::string marked(std::string_view source, const ChatContext& context) {
  std::string out;
  const RenderedPrompt prompt = ChatTemplate(source).render(context);
  for (const auto& [text, trusted] : prompt.segments()) {
    out += trusted ? "«" + std::string(text) + "»" : std::string(text);
  }
  return out;
}

std::string marked(std::string_view source) {
  return marked(source, with_messages(R"([{"role": "user", "content": "D<b>"}])"));
}

TEST(ChatTemplateProvenance, RolesOfTheInterfaceAreWordsOfTheTemplate) {
  EXPECT_EQ(marked("{{ messages[0] | tojson }}"), "{\"role\": «\"user\"», \"content\": \"D<b>\"}");
  const std::string phi = "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{% endfor %}";
  EXPECT_EQ(marked(phi), "«<|user|>»");
  EXPECT_EQ(marked(phi, with_messages(R"([{"role": "im_start", "content": ""}])")),
            "«<|»im_start«|>»");
  EXPECT_EQ(marked("{{ messages[0].content }}",
                   with_messages(R"([{"role": "user", "content": "user"}])")),
            "user");
}

TEST(ChatTemplateProvenance, AMessageOfControlTokensYieldsNoTrustedByte) {
  const std::string tokens = "<|im_start|><|im_end|><s></s>[INST]<|eot_id|><start_of_turn>«»";
  const OrderedJson messages = {
      {{"role", "user"}, {"content", tokens}},
      {{"role", "assistant"},
       {"content", tokens},
       {"reasoning_content", tokens},
       {"tool_calls", {{{"function", {{"name", tokens}, {"arguments", {{tokens, tokens}}}}}}}}},
      {{"role", "tool"}, {"content", tokens}},
  };
  const std::string folder = source_path("tests/golden/templates/corpus/");
  for (const char* name : {"chatml", "qwen_style", "deepseek_style", "generation_style",
                           "harmony_style", "command_style"}) {
    const ChatTemplate chat(read_file(folder + name + ".jinja"));
    ChatContext context = with_messages(messages.dump());
    context.tools = jinja::Value::from_json(
        OrderedJson({{{"function", {{"name", tokens}, {"description", tokens}}}}}).dump());
    context.variables["model_identity"] = jinja::Value::string(tokens);
    RenderedPrompt prompt;
    try {
      prompt = chat.render(context);
    } catch (const InvalidArgument&) {
      continue;  // some templates ask for other fields
    }
    // Without the control tokens in the data, the template writes the same trusted text.
    std::string trusted;
    for (const auto& [text, is_trusted] : prompt.segments()) {
      if (is_trusted) trusted += text;
    }
    EXPECT_THAT(trusted, ::testing::Not(HasSubstr("[INST]"))) << name;
    EXPECT_THAT(trusted, ::testing::Not(HasSubstr("<|eot_id|>"))) << name;
    EXPECT_THAT(trusted, ::testing::Not(HasSubstr("<start_of_turn>"))) << name;
  }
}

// As apply_chat_template of transformers has them; gpt-oss's template reads the second name.
TEST(ChatTemplateMessages, KnowThoughtsByEveryName) {
  const auto thoughts = [](const std::string& members) {
    return marked("{{ messages[0].reasoning_content }}|{{ messages[0].thinking }}",
                  with_messages(R"([{"role": "assistant", "content": "a")" + members + "}]"));
  };
  for (const char* name : {"reasoning_content", "thinking", "reasoning"})
    EXPECT_EQ(thoughts(", \"" + std::string(name) + "\": \"t\""), "t«|»t") << name;
  EXPECT_EQ(thoughts(""), "«|»");
  EXPECT_EQ(thoughts(R"(, "reasoning_content": null, "reasoning": "t")"), "t«|»t");
  EXPECT_EQ(thoughts(R"(, "thinking": "u", "reasoning_content": "t")"), "t«|»u");
  EXPECT_EQ(thoughts(R"(, "thinking": null, "reasoning_content": "t")"), "t«|»t");
  EXPECT_EQ(ChatTemplate("{{ messages[0] }}")
                .render(with_messages(R"([{"reasoning": "t", "content": null}])"))
                .text,
            "{'thinking': 't', 'reasoning': 't', 'content': None, 'reasoning_content': 't'}");
}

TEST(ChatTemplateErrors, SayWhatIsNoArrayOfMessages) {
  const auto error_for = [](std::string_view messages, std::string_view tools) -> std::string {
    ChatContext context;
    context.messages = jinja::Value::from_json(messages);
    context.tools = jinja::Value::from_json(tools);
    try {
      ChatTemplate("").render(context);
    } catch (const InvalidArgument& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error_for("[]", "null"), "");
  EXPECT_EQ(error_for("[{}]", "[]"), "");
  for (const char* messages : {"{\"messages\": []}", "null", "5", "\"x\""})
    EXPECT_THAT(error_for(messages, "null"), HasSubstr("messages is no JSON array")) << messages;
  EXPECT_THAT(error_for("[{}, 1]", "null"), HasSubstr("message 2 is no JSON object"));
  EXPECT_THAT(error_for("[]", "{}"), HasSubstr("tools is no JSON array"));
}

TEST(ChatTemplateVariables, AreNoPartsOfTheConversationAndNoFunctions) {
  const ChatTemplate chat(
      "{{ bos_token }}{{ my_token }}{{ raise_exception(range(1)) }}{{ messages }}{{ tools }}"
      "{{ add_generation_prompt }}{{ namespace(b=b) }}{{ documents }}{{ a }}");
  EXPECT_TRUE(chat.uses("messages"));
  EXPECT_THAT(chat.variables(), ElementsAre("a", "b", "documents"));
}

TEST(ChatTemplateRendering, SegmentsCoverTheText) {
  const RenderedPrompt prompt = ChatTemplate("a{{ messages[0].content }}b{{ '' }}c")
                                    .render(with_messages(R"([{"content": "x"}])"));
  EXPECT_EQ(prompt.text, "axbc");
  EXPECT_THAT(prompt.trusted,
              ::testing::ElementsAre(RenderedPrompt::Range{0, 1}, RenderedPrompt::Range{2, 4}));
  ASSERT_EQ(prompt.segments().size(), 3U);
  EXPECT_TRUE(ChatTemplate("").render(with_messages("[]")).segments().empty());
}

}  // namespace
}  // namespace sirocco
