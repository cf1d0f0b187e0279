#pragma once

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "sirocco/text/chat_template.hpp"

/// Shared by the tests that compare with recorded renderings.
namespace sirocco {

using OrderedJson = nlohmann::ordered_json;

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// The moment at which the recorded templates were rendered.
inline std::tm golden_clock() {
  std::tm now{};
  now.tm_year = 2024 - 1900;
  now.tm_mon = 6;
  now.tm_mday = 26;
  now.tm_hour = 9;
  now.tm_min = 5;
  now.tm_sec = 3;
  now.tm_wday = 5;
  now.tm_yday = 207;
  return now;
}

inline jinja::Value value_of(const OrderedJson& json) {
  return jinja::Value::from_json(json.dump());
}

inline ChatContext golden_context(const OrderedJson& source) {
  ChatContext context;
  if (source.contains("messages")) context.messages = value_of(source["messages"]);
  if (source.contains("tools")) context.tools = value_of(source["tools"]);
  if (source.contains("documents")) context.documents = value_of(source["documents"]);
  context.add_generation_prompt = source.value("add_generation_prompt", true);
  const auto variables = source.value("variables", OrderedJson::object());
  for (const auto& [name, value] : variables.items()) {
    context.variables[name] = value_of(value);
  }
  // As text, for numbers that the tests' own JSON parser would round.
  const auto as_text = source.value("json_variables", OrderedJson::object());
  for (const auto& [name, text] : as_text.items())
    context.variables[name] = jinja::Value::from_json(text.get<std::string>());
  context.special_tokens = {
      {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"pad_token", "<pad>"}, {"unk_token", "<unk>"}};
  context.clock = golden_clock;
  return context;
}

}  // namespace sirocco
