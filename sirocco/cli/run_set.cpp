#include "sirocco/cli/run_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::string all_settings(const RunSettings& settings, const ChatTemplate* chat_template) {
  std::string out;
  const auto row = [&](std::string_view name, std::string_view value, std::string_view help) {
    fmt::format_to(std::back_inserter(out), "  {:18} {:10} {}\n", name, value, help);
  };
  for (const Setting& s : run_settings_table()) row(s.name, s.show(settings), s.help);
  if (chat_template != nullptr) {
    std::map<std::string_view, std::string_view> variables;
    for (const auto& [name, variable] : settings.variables)
      variables.emplace(name, variable.json());
    const std::vector<std::string> usable = chat_template->variables();
    for (const std::string& name : usable) variables.try_emplace(name, "-");
    for (const auto& [name, json] : variables) row(name, json, "a variable of the chat template");
    if (can_set_thinking(*chat_template)) row("think", "", kThinkingLevels);
  }
  out.pop_back();
  return out;
}

/// What was typed behind /set.
struct Typed {
  std::string_view name;
  bool equals;             ///< NAME=VALUE, not NAME VALUE
  std::string_view value;  ///< may be empty
};

Typed parse(std::string_view argument) {
  constexpr std::string_view kBlanks = " \t";
  const auto skip_blanks = [&](std::size_t from) {
    return std::min(argument.find_first_not_of(kBlanks, from), argument.size());
  };
  const std::size_t end = std::min(argument.find_first_of(" \t="), argument.size());
  const std::size_t sign = skip_blanks(end);
  const bool equals = argument.substr(sign).starts_with('=');
  return {argument.substr(0, end), equals, argument.substr(equals ? skip_blanks(sign + 1) : sign)};
}

std::string change_thinking(RunSettings& settings, const ChatTemplate& chat_template,
                            std::string_view level) {
  set_thinking(settings.variables, chat_template, level);
  return fmt::format("Thinking is {}.", level);
}

std::string change_variable(RunSettings& settings, const Typed& typed) {
  const std::string name(typed.name);
  if (typed.value.empty()) {
    settings.variables.erase(name);
    return fmt::format("{} is not set.", name);
  }
  set_variable(settings.variables, name, typed.value);
  return fmt::format("{} is {}.", name, settings.variables.at(name).json());
}

}  // namespace

std::string change_setting(RunSettings& settings, const ChatTemplate* chat_template,
                           std::string_view argument) {
  if (argument.empty()) return all_settings(settings, chat_template);
  const Typed typed = parse(argument);
  if (chat_template != nullptr && find_setting(typed.name) == nullptr) {
    if (typed.name == "nothink" && typed.value.empty())
      return change_thinking(settings, *chat_template, "off");
    if (typed.name == "think")
      return change_thinking(settings, *chat_template, typed.value.empty() ? "on" : typed.value);
    refuse_conversation(typed.name);
    if (!chat_template->uses(typed.name) && !settings.variables.contains(typed.name)) {
      throw InvalidArgument("no setting {}; there are {}; and no variable of the chat template: {}",
                            sirocco::quoted(typed.name), setting_names(),
                            usable_variables(*chat_template));
    }
    if (!typed.value.empty() || typed.equals) return change_variable(settings, typed);
  }
  if (typed.value.empty() && !typed.equals) throw InvalidArgument("usage: /set NAME VALUE");
  assign_setting(settings, typed.name, typed.value);
  return fmt::format("{} is {}.", typed.name, typed.value);
}

}  // namespace sirocco
