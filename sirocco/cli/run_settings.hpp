#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/cli/template_variables.hpp"
#include "sirocco/pipeline/recommended_generation.hpp"
#include "sirocco/pipeline/sampler.hpp"

namespace sirocco {

/// How answers are made.
struct RunSettings {
  SamplingParams sampling = chat_sampling();
  std::optional<std::uint64_t> seed;       ///< without: another one for each answer
  std::optional<std::int64_t> max_tokens;  ///< without: what `limits` say, then the engine's limit
  RecommendedLimits limits;
  std::vector<std::string> stop;
  TemplateVariables variables;  ///< what the chat template is given
};

/// One value that a person can set: a row of the table that options, /set, /help and error texts
/// come from.
struct Setting {
  std::string_view name;    ///< as /set takes it: "top_k"
  std::string_view option;  ///< as the command line takes it: "--top-k"
  std::string_view help;
  /// False when the text isn't a value in range.
  bool (*assign)(RunSettings& settings, std::string_view text);
  std::string (*show)(const RunSettings& settings);
  std::string_view range;  ///< in words, for errors: "a number from 0 to 2"
};

std::span<const Setting> run_settings_table();

/// The setting of that name, hyphens and underscores alike; null without.
const Setting* find_setting(std::string_view name);

/// All names, for messages.
std::string setting_names();

/// Sets a value by its name, as find_setting knows it. Throws InvalidArgument that names what
/// there is, or what the value may be; nothing has changed then.
void assign_setting(RunSettings& settings, std::string_view name, std::string_view value);

}  // namespace sirocco
