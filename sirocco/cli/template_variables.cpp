#include "sirocco/cli/template_variables.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::json;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

bool is_name(std::string_view name) {
  const auto inner = [](char c) { return is_letter(c) || c == '_' || (c >= '0' && c <= '9'); };
  return !name.empty() && (is_letter(name.front()) || name.front() == '_') &&
         std::ranges::all_of(name, inner);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "26 Jul 2024", "2024-07-26", "26/07/2024": begins as a number does and can't be meant as one.
bool is_date(std::string_view text) {
  if (text.empty() || !is_digit(text.front())) return false;
  int marks = 0;
  bool word = false;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    word = word || (text[i] == ' ' && is_letter(text[i + 1]));
    const bool mark = text[i] == '-' || text[i] == '/' || text[i] == '.' || text[i] == ':';
    marks += mark && is_digit(text[i - 1]) && is_digit(text[i + 1]) ? 1 : 0;
  }
  return word || marks >= 2;
}

/// Words that mean a value which JSON spells otherwise.
struct Misspelled {
  std::string_view word;
  std::string_view json;
};
constexpr std::array kMisspelled = {
    Misspelled{"true", "true"},   Misspelled{"yes", "true"},  Misspelled{"on", "true"},
    Misspelled{"false", "false"}, Misspelled{"no", "false"},  Misspelled{"off", "false"},
    Misspelled{"null", "null"},   Misspelled{"none", "null"}, Misspelled{"nil", "null"},
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string as_json_text(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_of(std::string_view name, std::string_view value) {
  if (Json::accept(value)) return std::string(value);
  if (value.empty()) throw InvalidArgument("the variable {} gets no value", sirocco::quoted(name));
  const std::string text = as_json_text(value);
  const auto wrong = std::ranges::find(kMisspelled, lower(value), &Misspelled::word);
  if (wrong != kMisspelled.end()) {
    throw InvalidArgument(
        "the variable {} can't be {}, which is no JSON and as a text would count as true; write "
        "{}, or {} for the text",
        sirocco::quoted(name), sirocco::quoted(value), wrong->json, text);
  }
  if (!is_letter(value.front()) && !is_date(value)) {
    throw InvalidArgument(
        "the variable {} can't be {}, which is no JSON; a text that doesn't begin with a letter is "
        "written as {}",
        sirocco::quoted(name), sirocco::quoted(value), text);
  }
  return text;
}

constexpr std::array<std::string_view, 2> kSwitches = {"enable_thinking", "thinking"};
constexpr std::string_view kEffort = "reasoning_effort";

std::vector<std::string> switches_of(const ChatTemplate& chat_template) {
  std::vector<std::string> out;
  for (const std::string_view name : kSwitches) {
    if (chat_template.uses(name)) out.emplace_back(name);
  }
  return out;
}

}  // namespace

TemplateVariable::TemplateVariable(std::string_view name, std::string json)
    : json_(std::move(json)),
      value_(jinja::Value::from_json(json_, fmt::format("variable {}", sirocco::quoted(name)))) {}

void set_variable(TemplateVariables& variables, std::string_view name, std::string_view value) {
  if (!is_name(name))
    throw InvalidArgument("a variable can't have the name {}", sirocco::quoted(name));
  variables.insert_or_assign(std::string(name), TemplateVariable(name, json_of(name, value)));
}

void set_variable(TemplateVariables& variables, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos)
    throw InvalidArgument("{} gives no variable a value; expected NAME=VALUE",
                          sirocco::quoted(assignment));
  set_variable(variables, assignment.substr(0, equals), assignment.substr(equals + 1));
}

std::map<std::string, jinja::Value> template_values(const TemplateVariables& variables) {
  std::map<std::string, jinja::Value> values;
  for (const auto& [name, variable] : variables) values.emplace(name, variable.value());
  return values;
}

void refuse_conversation(std::string_view name) {
  constexpr std::array<std::string_view, 3> kMade = {"messages", "tools", "add_generation_prompt"};
  if (std::ranges::find(kMade, name) == kMade.end()) return;
  throw InvalidArgument("the variable {} is made of the conversation and can't be set",
                        sirocco::quoted(name));
}

void refuse_conversation(const TemplateVariables& variables) {
  for (const auto& [name, variable] : variables) refuse_conversation(name);
}

std::string usable_variables(const ChatTemplate& chat_template) {
  const std::vector<std::string> names = chat_template.variables();
  if (names.empty()) return "it uses none that can be set";
  return fmt::format("it uses {}", fmt::join(names, ", "));
}

std::string unused_variables_notice(const ChatTemplate& chat_template,
                                    const TemplateVariables& variables) {
  std::vector<std::string> unused;
  for (const auto& [name, variable] : variables) {
    if (!chat_template.uses(name)) unused.push_back(sirocco::quoted(name));
  }
  if (unused.empty()) return "";
  return fmt::format("the chat template doesn't use the variable{} {}; {}",
                     unused.size() == 1 ? "" : "s", fmt::join(unused, ", "),
                     usable_variables(chat_template));
}

bool is_thinking_level(std::string_view level) {
  constexpr std::array<std::string_view, 7> kLevels = {"on",  "off",    "true", "false",
                                                       "low", "medium", "high"};
  return std::ranges::find(kLevels, level) != kLevels.end();
}

void set_thinking(TemplateVariables& variables, const ChatTemplate& chat_template,
                  std::string_view level) {
  if (!is_thinking_level(level)) {
    throw InvalidArgument("thinking can't be {}; expected {}", sirocco::quoted(level),
                          kThinkingLevels);
  }
  const bool off = level == "off" || level == "false";
  const bool effort = !off && level != "on" && level != "true";
  const std::vector<std::string> switches = switches_of(chat_template);
  const bool has_effort = chat_template.uses(kEffort);
  if (switches.empty() && !has_effort) {
    throw InvalidArgument(
        "the chat template has none of the variables that turn thinking on and off ({}, {}); {}",
        fmt::join(kSwitches, ", "), kEffort, usable_variables(chat_template));
  }
  if (effort && !has_effort) {
    throw InvalidArgument("the chat template only turns thinking on or off ({})",
                          fmt::join(switches, ", "));
  }
  if (off && switches.empty()) {
    throw InvalidArgument(
        "the chat template doesn't turn thinking off; it takes low, medium or high ({})", kEffort);
  }
  const auto set = [&](std::string_view name, std::string json) {
    variables.insert_or_assign(std::string(name), TemplateVariable(name, std::move(json)));
  };
  for (const std::string& name : switches) set(name, off ? "false" : "true");
  if (effort) {
    set(kEffort, as_json_text(level));
  } else {
    variables.erase(std::string(kEffort));
  }
}

bool can_set_thinking(const ChatTemplate& chat_template) {
  return !switches_of(chat_template).empty() || chat_template.uses(kEffort);
}

}  // namespace sirocco
