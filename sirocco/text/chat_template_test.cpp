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

ChatContext with_messages(std::string messages) {
  ChatContext context;
  context.messages = std::move(messages);
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

template <class E>
std::string error_of(std::string_view source, ChatTemplateLimits limits = {}) {
  try {
    ChatTemplate(source, limits).render(with_messages("[]"));
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

TEST(ChatTemplateProvenance, FollowsBytesThroughEverything) {
  const std::string c = "{% set c = messages[0].content %}";
  EXPECT_EQ(marked("a{{ bos_token }}" + c + "{{ c }}b"), "«a<s>»D<b>«b»");
  EXPECT_EQ(marked(c + "{{ '[' ~ c ~ ']' }}"), "«[»D<b>«]»");
  EXPECT_EQ(marked(c + "{{ ('[' + c + ']')[1:-1] }}"), "D<b>");
  EXPECT_EQ(marked(c + "{{ ('[' + c + ']')[::-1] }}"), "«]»>b<D«[»");
  EXPECT_EQ(marked(c + "{{ (c + 'x') | upper }}"), "D<B>«X»");
  EXPECT_EQ(marked(c + "{{ c | replace('<', '«') }}"), "D««»b>");
  EXPECT_EQ(marked(c + "{{ 'x-y' | replace('-', c) }}"), "«x»D<b>«y»");
  EXPECT_EQ(marked(c + "{{ [c, 'x', c] | join(',') }}"), "D<b>«,x,»D<b>");
  EXPECT_EQ(marked(c + "{{ c | e }}"), "D&lt;b&gt;");
  EXPECT_EQ(marked(c + "{{ c | tojson }}"), "\"D<b>\"");
  EXPECT_EQ(marked(c + "{{ {'k': c} | tojson }}"), "«{\"k\": »\"D<b>\"«}»");
  EXPECT_EQ(marked(c + "{{ messages[0] | tojson }}"),
            "{\"role\": «\"user\"», \"content\": \"D<b>\"}");
  EXPECT_EQ(marked(c + "{{ [c] }}"), "«[»'D<b>'«]»");
  EXPECT_EQ(marked(c + "{{ '%s|%5s' % (c, 1) }}"), "D<b>«|    1»");
  EXPECT_EQ(marked(c + "{{ '{}|{x:>6}'.format(c, x=c) }}"), "D<b>«|»  D<b>");
  EXPECT_EQ(marked(c + "{{ c.split('<') | join('<') }}"), "D«<»b>");
  EXPECT_EQ(marked(c + "{{ c | center(6) }}"), " D<b> ");
  EXPECT_EQ(marked(c + "{{ (c ~ '\\n' ~ c) | indent(1) }}"), "D<b>\n« »D<b>");
  EXPECT_EQ(marked(c + "{{ c | list | last }}{{ c | first }}{{ c * 2 }}"), ">DD<b>D<b>");
  EXPECT_EQ(marked(c + "{% set x %}<{{ c }}>{% endset %}{{ x | trim }}"), "«<»D<b>«>»");
  EXPECT_EQ(marked(c + "{% macro m(a) %}({{ a }}){% endmacro %}{{ m(c) }}"), "«(»D<b>«)»");
  EXPECT_EQ(marked(c + "{% filter lower %}A{{ c }}{% endfilter %}"), "«a»d<b>");
  EXPECT_EQ(marked(c + "{{ c | length }}{{ 1 + 1 }}"), "4«2»");
  EXPECT_EQ(marked("{{ messages[0].keys() | list | join }}"), "rolecontent");
}

TEST(ChatTemplateProvenance, RolesOfTheInterfaceAreWordsOfTheTemplate) {
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
    context.tools =
        OrderedJson({{{"function", {{"name", tokens}, {"description", tokens}}}}}).dump();
    context.variables["model_identity"] = OrderedJson(tokens).dump();
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

TEST(ChatTemplateErrors, NameTheLineAndTheReason) {
  EXPECT_THAT(error_of<FormatError>("a\nb\n{% if %}"), HasSubstr("line 3"));
  EXPECT_THAT(error_of<FormatError>("\n{{ x | nothing }}"), HasSubstr("'nothing'"));
  EXPECT_THAT(error_of<FormatError>("{{ \xFF }}"), HasSubstr("UTF-8"));
  EXPECT_THAT(error_of<UnsupportedError>("\n{% include 'x' %}"), HasSubstr("line 2: 'include'"));
  EXPECT_THAT(error_of<UnsupportedError>("{% extends 'x' %}"), HasSubstr("'extends'"));
  EXPECT_THAT(error_of<UnsupportedError>("{% from 'x' import y %}"), HasSubstr("'from'"));
  EXPECT_THAT(error_of<InvalidArgument>("\n\n{{ missing.x }}"), HasSubstr("line 3: 'missing'"));
  EXPECT_THAT(error_of<InvalidArgument>("{{ raise_exception('no\nway') }}"),
              HasSubstr("refuses these messages (line 1): 'no\\x0away'"));
  ChatContext context = with_messages("[}");
  EXPECT_THROW(ChatTemplate("").render(context), InvalidArgument);
  context = with_messages(std::string(200, '[') + std::string(200, ']'));
  EXPECT_THROW(ChatTemplate("").render(context), InvalidArgument);
  context = with_messages("[\"\xFF\"]");
  EXPECT_THROW(ChatTemplate("").render(context), InvalidArgument);
}

class ChatTemplateLimit : public ::testing::TestWithParam<const char*> {};

TEST(ChatTemplateErrors, SayWhatIsNoArrayOfMessages) {
  const auto error_for = [](std::string messages, std::optional<std::string> tools) -> std::string {
    ChatContext context;
    context.messages = std::move(messages);
    context.tools = std::move(tools);
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
    EXPECT_THAT(error_for(messages, {}), HasSubstr("messages is no JSON array")) << messages;
  EXPECT_THAT(error_for("[{}, 1]", {}), HasSubstr("message 2 is no JSON object"));
  EXPECT_THAT(error_for("[]", "{}"), HasSubstr("tools is no JSON array"));
}

TEST_P(ChatTemplateLimit, EndsInAnError) {
  constexpr ChatTemplateLimits kLimits{.max_memory = std::size_t{64} << 20,
                                       .max_output = std::size_t{4} << 20,
                                       .max_steps = 2'000'000};
  EXPECT_THAT(error_of<ResourceExhausted>(GetParam(), kLimits), HasSubstr("line 1"));
}

INSTANTIATE_TEST_SUITE_P(
    Bombs, ChatTemplateLimit,
    ::testing::Values(
        "{{ 'a' * 10 ** 12 }}", "{{ [1] * 10 ** 12 }}", "{{ range(10 ** 9) }}",
        "{{ 'x' | center(10 ** 15) }}", "{{ ('a' * 10 ** 6) | replace('a', 'b' * 10 ** 6) }}",
        "{{ '%999999999d' % 1 }}", "{{ '{:999999999}'.format(1) }}", "{{ 'a' | indent(10 ** 15) }}",
        "{{ [1] | batch(10 ** 15, 0) | list }}", "{{ [1] | slice(10 ** 15) | list }}",
        "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s "
        "%}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% "
        "endfor "
        "%}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(140) %}{% set ns.l = [ns.l, ns.l] %}{% "
        "endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(140) %}{% set ns.l = [ns.l, ns.l] %}{% "
        "endfor %}{{ ns.l | tojson }}",
        "{% set ns = namespace(g=[1]) %}{% for i in range(100000) %}{% set ns.g = ns.g | "
        "map('upper') "
        "%}{% endfor %}{{ ns.g | list }}",
        "{% set ns = namespace() %}{% set ns.n = ns %}{{ ns }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x) %}{{ m(x + 1) ~ m(x + 1) }}{% endmacro %}{{ m(0) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        "{% for a in range(10000) %}{% for b in range(10000) %}0123456789{% endfor %}{% endfor %}",
        "{% set s = 'a' * 10 ** 6 %}{% for a in range(100000) %}{% set t = s | upper %}{% endfor "
        "%}"));

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// Whatever lies between one call and the next, the machine's stack holds.
TEST(ChatTemplateLimits, DeepRunsEndInAnError) {
  const std::string open_loops = repeated("{% for x in [1] %}", 60);
  const std::string close_loops = repeated("{% endfor %}", 60);
  const std::string open_sets = repeated("{% if 1 %}{% set x %}", 30);
  const std::string close_sets = repeated("{% endset %}{% endif %}", 30);
  for (const std::string& body : {
           "{{ " + repeated("[", 90) + "m()" + repeated("]", 90) + " }}",
           "{{ m()" + repeated("|e", 90) + " }}",
           "{{ 1" + repeated("+1", 200) + "+m() }}",
           open_loops + "{{ m() }}" + close_loops,
           open_sets + "{{ m() }}" + close_sets,
           std::string("{% call m() %}{{ m() }}{% endcall %}"),
           std::string("{{ [1] | map('string') | map('e') | select | list | join(m()) }}"),
           std::string("{{ '%s{}' % m() | string | upper }}"),
       }) {
    const std::string source = "{% macro m() %}" + body + "{{ caller }}{% endmacro %}{{ m() }}";
    EXPECT_THAT(error_of<ResourceExhausted>(source), HasSubstr("deep")) << source.substr(0, 60);
  }
  EXPECT_THAT(error_of<ResourceExhausted>("{% macro m(a=m()) %}{% endmacro %}{{ m() }}"),
              HasSubstr("deep"));
}

TEST(ChatTemplateLimits, DeepTemplatesAreRefused) {
  for (const std::string& source :
       {"{{ " + repeated("(", 100000), "{{ " + repeated("[", 100000),
        "{{ " + repeated("{1:", 100000), "{{ " + repeated("-", 100000) + "1 }}",
        "{{ " + repeated("not ", 100000) + "1 }}", "{{ 1" + repeated("+1", 100000) + " }}",
        "{{ a" + repeated(".a", 100000) + " }}", "{{ a" + repeated("|e", 100000) + " }}",
        "{{ a" + repeated("[0]", 100000) + " }}", "{{ a" + repeated("()", 100000) + " }}",
        "{{ 1" + repeated(" if 1 else 1", 100000) + " }}", repeated("{% if 1 %}", 100000),
        repeated("{% for a in b %}", 100000), repeated("{% macro a() %}", 100000),
        "{{ a(" + repeated("a(", 100000)}) {
    EXPECT_THAT(error_of<FormatError>(source), HasSubstr("deep")) << source.substr(0, 20);
  }
}

TEST(ChatTemplateLimits, NoCycleOutlivesARun) {
  // Leaks are the sanitizer build's to find.
  ChatTemplate(
      "{% set ns = namespace() %}{% set ns.me = ns %}{% macro m() %}{% endmacro %}{% set ns.m = m "
      "%}{% for i in range(1000) %}{% macro k() %}{{ k }}{{ ns.k }}{% endmacro %}{% set ns.k = k "
      "%}{% endfor %}")
      .render(with_messages("[]"));
}

TEST(ChatTemplateVariables, AreWhatATemplateReadsFromOutside) {
  const ChatTemplate chat("{% if enable_thinking %}{{ tools }}{% endif %}{{ d.member }}");
  EXPECT_TRUE(chat.uses("enable_thinking"));
  EXPECT_TRUE(chat.uses("tools"));
  EXPECT_FALSE(chat.uses("member"));
  EXPECT_FALSE(chat.uses("loop"));
  EXPECT_THAT(chat.variables(), ElementsAre("d", "enable_thinking"));
}

struct Reading {
  const char* source;
  bool uses;     ///< x
  bool offered;  ///< x too
};

TEST(ChatTemplateVariables, AreReadWhereNothingSurelyGaveThemAValue) {
  const Reading cases[] = {
      {"{{ x }}", true, true},
      {"{{ x.y[x](x) }}", true, true},
      {"{{ f(k=x) }}", true, true},
      {"{{ f(*x, **x) }}", true, true},
      {"{{ a if x else b }}", true, true},
      {"{{ 1 is divisibleby(x) }}", true, true},
      {"{% set x = 1 %}{{ x }}", false, false},
      {"{% set x = x or 1 %}{{ x }}", true, false},
      {"{% set x = x | default(1) %}", true, true},
      {"{% if x is not defined %}{% set x = 1 %}{% endif %}{{ x }}", true, true},
      {"{% if not x %}{% set x = 1 %}{% endif %}{{ x }}", true, false},
      {"{% if a %}{% set x = 1 %}{% endif %}{{ x }}", true, false},
      {"{% if a %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", false, false},
      {"{% if a %}{% set x = 1 %}{% elif b %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", true,
       false},
      {"{% if a %}{% set x = 1 %}{{ x }}{% endif %}", false, false},
      {"{% for x in a %}{{ x }}{% endfor %}", false, false},
      {"{% for b, x in a %}{{ x }}{% endfor %}", false, false},
      {"{% for x in a if x %}{% endfor %}", false, false},
      {"{% for x in x %}{% endfor %}", true, false},
      {"{% for x in a %}{% endfor %}{{ x }}", true, false},
      {"{% for x in a %}{% else %}{{ x }}{% endfor %}", true, false},
      {"{% for b in a %}{% set x = 1 %}{% endfor %}{{ x }}", true, false},
      {"{% macro m(x) %}{{ x }}{% endmacro %}", false, false},
      {"{% macro m(a=x) %}{% endmacro %}", true, true},
      {"{% macro x() %}{{ x }}{% endmacro %}{{ x() }}", false, false},
      {"{% macro m() %}{{ x }}{% endmacro %}{{ m() }}", true, true},
      {"{% call(x) m() %}{{ x }}{% endcall %}", false, false},
      {"{% call m(x) %}{% endcall %}", true, true},
      {"{% with x = 1 %}{{ x }}{% endwith %}", false, false},
      {"{% with x = 1 %}{% endwith %}{{ x }}", true, false},
      {"{% set x %}a{% endset %}{{ x }}", false, false},
      {"{% filter replace('a', x) %}a{% endfilter %}", true, true},
      {"{% set x.y = 1 %}", true, true},
      {"{% set x = namespace() %}{% set x.y = 1 %}", false, false},
      {"{% generation %}{% set x = 1 %}{% endgeneration %}{{ x }}", true, false},
      {"{% for x in a %}{% block b %}{{ x }}{% endblock %}{% endfor %}", true, false},
      {"{% for x in a %}{% block b %}{% endblock %}{{ x }}{% endfor %}", false, false},
      {"{{ y.x }}{{ 'x' }}{{ f(x=1) }}", false, false},
  };
  for (const Reading& each : cases) {
    const ChatTemplate chat(each.source);
    const std::vector<std::string> offered = chat.variables();
    EXPECT_EQ(chat.uses("x"), each.uses) << each.source;
    EXPECT_EQ(std::ranges::count(offered, "x"), each.offered ? 1 : 0) << each.source;
  }
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
