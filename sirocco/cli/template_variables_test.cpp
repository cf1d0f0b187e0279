#include "sirocco/cli/template_variables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/run_set.hpp"

namespace sirocco {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::ThrowsMessage;

using Json = std::map<std::string, std::string>;

TemplateVariables variables_of(const Json& json) {
  TemplateVariables out;
  for (const auto& [name, text] : json) out.emplace(name, TemplateVariable(name, text));
  return out;
}

Json json_of(const TemplateVariables& variables) {
  Json out;
  for (const auto& [name, variable] : variables) out.emplace(name, variable.json());
  return out;
}

TEST(TemplateVariables, AreJsonOrWords) {
  const std::pair<const char*, const char*> cases[] = {
      {"x=true", "true"},
      {"x=null", "null"},
      {"x= 5 ", " 5 "},
      {"x=[1, {\"a\": \"=\"}]", "[1, {\"a\": \"=\"}]"},
      {"x=\"true\"", "\"true\""},
      {"x=high", "\"high\""},
      {"x=You are \"Bo\\b\".", R"("You are \"Bo\\b\".")"},
      {"x=élevé", "\"élevé\""},
      {"x=é\xff", "\"é\ufffd\""},
      {"x=truely", "\"truely\""},
      {"x=26 Jul 2024", "\"26 Jul 2024\""},
      {"x=2024-07-26", "\"2024-07-26\""},
      {"x=26.07.2024", "\"26.07.2024\""},
  };
  for (const auto& [typed, json] : cases) {
    TemplateVariables variables = variables_of({{"x", "0"}});
    set_variable(variables, typed);
    EXPECT_THAT(json_of(variables), ElementsAre(Pair("x", json))) << typed;
  }
  TemplateVariables variables;
  set_variable(variables, "_a1=1");
  set_variable(variables, "größe", "2");
  EXPECT_THAT(json_of(variables), ElementsAre(Pair("_a1", "1"), Pair("größe", "2")));
}

TEST(TemplateVariables, AreWhatTemplatesTake) {
  TemplateVariables variables;
  set_variable(variables, "a=[1, 2]");
  set_variable(variables, "b=high");
  ChatContext context;
  context.variables = template_values(variables);
  EXPECT_EQ(ChatTemplate("{{ a[1] + 1 }} {{ b }}").render(context).text, "3 high");
}

TEST(TemplateVariables, WhatIsNeitherIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"x=False",
       "'x' can't be 'False', which is no JSON and as a text would count as true; write "
       "false, or \"False\" for the text"},
      {"x=YES", "write true"},
      {"x=off", "write false"},
      {"x=None", "write null"},
      {"x=1,5", "'x' can't be '1,5', which is no JSON"},
      {"x=1e", "no JSON"},
      {"x=0x10", "no JSON"},
      {"x=1 000", "no JSON"},
      {"x=1.5.", "no JSON"},
      {"x={a", R"(written as "{a")"},
      {"x='high'", R"(written as "'high'")"},
      {"x=", "'x' gets no value"},
      {"x=1000000000000000000000000000000000000000", "variable 'x': the integer"},
      {"x", "'x' gives no variable a value; expected NAME=VALUE"},
      {"=1", "the name ''"},
      {"a.b=1", "the name 'a.b'"},
      {"1a=1", "the name '1a'"},
  };
  for (const auto& [typed, message] : cases) {
    TemplateVariables variables;
    EXPECT_THAT([&] { set_variable(variables, typed); },
                ThrowsMessage<InvalidArgument>(HasSubstr(message)))
        << typed;
    EXPECT_THAT(variables, IsEmpty()) << typed;
  }
  for (const char* name : {"messages", "tools", "add_generation_prompt"})
    EXPECT_THROW(refuse_conversation(variables_of({{name, "1"}})), InvalidArgument) << name;
  EXPECT_NO_THROW(refuse_conversation(variables_of({{"documents", "[]"}})));
}

TEST(TemplateVariables, UnusedOnesAreTold) {
  const ChatTemplate chat("{{ a }}{% set c = 1 %}{{ c }}{{ tools }}");
  EXPECT_EQ(unused_variables_notice(chat, variables_of({{"a", "1"}, {"tools", "[]"}})), "");
  EXPECT_EQ(unused_variables_notice(chat, variables_of({{"b", "1"}})),
            "the chat template doesn't use the variable 'b'; it uses a");
  EXPECT_EQ(unused_variables_notice(ChatTemplate("{{ messages }}"),
                                    variables_of({{"b", "1"}, {"c", "1"}})),
            "the chat template doesn't use the variables 'b', 'c'; it uses none that can be set");
}

TEST(Thinking, IsTurnedByTheVariablesThatATemplateHas) {
  const ChatTemplate on_off("{{ enable_thinking }}");
  const ChatTemplate two(
      "{% if thinking is not defined %}{% set thinking = enable_thinking %}"
      "{% endif %}{{ thinking }}");
  const ChatTemplate effort("{{ reasoning_effort }}");
  const ChatTemplate both("{{ enable_thinking }}{{ reasoning_effort }}");
  const auto set = [](const ChatTemplate& chat, const char* level) {
    TemplateVariables variables = variables_of({{"reasoning_effort", "\"low\""}});
    set_thinking(variables, chat, level);
    return json_of(variables);
  };
  for (const char* level : {"off", "false"}) {
    EXPECT_THAT(set(on_off, level), ElementsAre(Pair("enable_thinking", "false")));
    EXPECT_THAT(set(both, level), ElementsAre(Pair("enable_thinking", "false")));
  }
  EXPECT_THAT(set(two, "on"),
              ElementsAre(Pair("enable_thinking", "true"), Pair("thinking", "true")));
  EXPECT_THAT(set(effort, "high"), ElementsAre(Pair("reasoning_effort", "\"high\"")));
  EXPECT_THAT(set(effort, "true"), IsEmpty());
  EXPECT_THAT(set(both, "medium"),
              ElementsAre(Pair("enable_thinking", "true"), Pair("reasoning_effort", "\"medium\"")));
  const auto setting = [&](const ChatTemplate& chat, const char* level) {
    return [&chat, level, set] { set(chat, level); };
  };
  EXPECT_THAT(setting(on_off, "high"),
              ThrowsMessage<InvalidArgument>(HasSubstr("on or off (enable_thinking)")));
  EXPECT_THAT(setting(effort, "off"),
              ThrowsMessage<InvalidArgument>(HasSubstr("low, medium or high (reasoning_effort)")));
  EXPECT_THAT(setting(both, "much"),
              ThrowsMessage<InvalidArgument>(AllOf(HasSubstr("'much'"), HasSubstr("on, off"))));
  const ChatTemplate none("{{ message.thinking }}");
  EXPECT_FALSE(can_set_thinking(none));
  EXPECT_TRUE(can_set_thinking(effort));
  EXPECT_THAT(setting(none, "on"),
              ThrowsMessage<InvalidArgument>(
                  AllOf(HasSubstr("enable_thinking, thinking"), HasSubstr("it uses message"))));
}

class ChatSet : public testing::Test {
 protected:
  std::string set(const char* argument) { return change_setting(settings_, &chat_, argument); }
  std::string error(const char* argument) {
    const TemplateVariables before = settings_.variables;
    try {
      set(argument);
    } catch (const InvalidArgument& e) {
      EXPECT_EQ(settings_.variables, before) << argument;
      return e.what();
    }
    return "no error";
  }

  RunSettings settings_;
  ChatTemplate chat_{"{{ enable_thinking }}{{ effort }}{{ messages }}{{ temp }}"};
};

TEST_F(ChatSet, SettingsComeFirst) {
  EXPECT_EQ(set("temp 0.25"), "temp is 0.25.");
  EXPECT_EQ(settings_.sampling.temperature, 0.25f);
  EXPECT_EQ(set("top-k=7"), "top-k is 7.");
  EXPECT_EQ(set("top_p = 0.5"), "top_p is 0.5.");
  EXPECT_EQ(settings_.sampling.top_k, 7);
  EXPECT_THAT(settings_.variables, IsEmpty());
  EXPECT_THAT(error("temp"), HasSubstr("usage: /set NAME VALUE"));
  EXPECT_THAT(error("temp="), HasSubstr("temp can't be ''"));
}

TEST_F(ChatSet, VariablesOfTheTemplate) {
  EXPECT_EQ(set("enable_thinking=false"), "enable_thinking is false.");
  EXPECT_EQ(set("effort \t high"), "effort is \"high\".");
  EXPECT_THAT(json_of(settings_.variables),
              ElementsAre(Pair("effort", "\"high\""), Pair("enable_thinking", "false")));
  EXPECT_EQ(set("effort = [1, 2]"), "effort is [1, 2].");
  EXPECT_EQ(set("effort="), "effort is not set.");
  EXPECT_THAT(json_of(settings_.variables), ElementsAre(Pair("enable_thinking", "false")));
  EXPECT_THAT(error("effort"), HasSubstr("usage"));
  EXPECT_THAT(error("effort Off"), HasSubstr("'effort' can't be 'Off'"));
  EXPECT_THAT(error("messages=[]"), HasSubstr("'messages' is made of the conversation"));
  EXPECT_THAT(error("heat 3"), AllOf(HasSubstr("no setting 'heat'"), HasSubstr("temp, top_k"),
                                     HasSubstr("it uses effort, enable_thinking, temp")));
}

TEST_F(ChatSet, OneThatTheTemplateDoesNotUseCanBeTakenBack) {
  set_variable(settings_.variables, "other=1");  // by --set
  EXPECT_EQ(set("other=2"), "other is 2.");
  EXPECT_EQ(set("other="), "other is not set.");
  EXPECT_THAT(error("other=2"), HasSubstr("no setting 'other'"));
}

TEST_F(ChatSet, Thinking) {
  EXPECT_EQ(set("nothink"), "Thinking is off.");
  EXPECT_EQ(settings_.variables.at("enable_thinking").json(), "false");
  EXPECT_EQ(set("think"), "Thinking is on.");
  EXPECT_EQ(settings_.variables.at("enable_thinking").json(), "true");
  EXPECT_EQ(set("think=off"), "Thinking is off.");
  EXPECT_THAT(error("think hard"), HasSubstr("thinking can't be 'hard'"));
}

TEST_F(ChatSet, ListsAll) {
  set("effort=high");
  const std::string all = set("");
  EXPECT_THAT(all, testing::ContainsRegex("top_k +40 "));
  EXPECT_THAT(all, testing::ContainsRegex("effort +\"high\" +a variable"));
  EXPECT_THAT(all, testing::ContainsRegex("enable_thinking +- +a variable"));
  EXPECT_THAT(all, testing::ContainsRegex("think +on, off"));
  EXPECT_THAT(change_setting(settings_, nullptr, ""),
              AllOf(HasSubstr("top_k"), testing::Not(HasSubstr("effort"))));
}

TEST_F(ChatSet, WithoutATemplate) {
  EXPECT_EQ(change_setting(settings_, nullptr, "temp 1"), "temp is 1.");
  EXPECT_THAT([&] { change_setting(settings_, nullptr, "enable_thinking=false"); },
              ThrowsMessage<InvalidArgument>(HasSubstr("no setting 'enable_thinking'")));
}

}  // namespace
}  // namespace sirocco
