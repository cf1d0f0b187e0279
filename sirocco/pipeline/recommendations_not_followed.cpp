#include "sirocco/pipeline/recommendations_not_followed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kBeams = "generation_config.num_beams";

struct NotFollowed {
  std::string_view path;
  bool off_at_one = false;
  bool of_beams = false;  // changes nothing without several beams
};
constexpr std::array kNotFollowed = {
    NotFollowed{kBeams, true},
    NotFollowed{"generation_config.num_beam_groups", true},
    NotFollowed{"generation_config.diversity_penalty"},
    NotFollowed{"generation_config.length_penalty", true, true},
    NotFollowed{"generation_config.early_stopping", false, true},
    NotFollowed{"generation_config.num_return_sequences", true},
    NotFollowed{"generation_config.constraints"},
    NotFollowed{"generation_config.force_words_ids"},
    NotFollowed{"generation_config.penalty_alpha"},
    NotFollowed{"generation_config.dola_layers"},
    NotFollowed{"generation_config.guidance_scale", true},
    NotFollowed{"generation_config.top_h", true},
    NotFollowed{"generation_config.epsilon_cutoff", true},
    NotFollowed{"generation_config.eta_cutoff", true},
    NotFollowed{"generation_config.presence_penalty"},
    NotFollowed{"generation_config.frequency_penalty"},
    NotFollowed{"generation_config.forced_decoder_ids"},
    NotFollowed{"generation_config.remove_invalid_values"},
    NotFollowed{"generation_config.token_healing"},
    NotFollowed{"generation_config.watermarking_config"},
    NotFollowed{"generation_config.assistant_early_exit"},
    NotFollowed{"generation_config.assistant_ensemble_weight"},
    NotFollowed{"generation_config.prompt_lookup_num_tokens"},
    NotFollowed{"generation_config.max_time"},
    NotFollowed{"general.sampling.sequence"},
    NotFollowed{"general.sampling.xtc_probability"},
    NotFollowed{"general.sampling.mirostat"},
};

std::optional<double> number_of(const MetadataValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1.0 : 0.0;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::nullopt;
}

/// What is asked for, as a person may read it.
std::optional<std::string> asked(const NotFollowed& row, const Metadata& metadata,
                                 std::span<const std::string_view> paths) {
  constexpr std::string_view kFolder = "generation_config.";
  const std::string name(row.path.substr(row.path.starts_with(kFolder) ? kFolder.size() : 0));
  const MetadataValue* const value = metadata.find(row.path);
  if (value == nullptr) {
    const std::string below = std::string(row.path) + ".";
    const bool any =
        std::ranges::any_of(paths, [&](std::string_view path) { return path.starts_with(below); });
    return any ? std::optional(name) : std::nullopt;
  }
  if (const auto number = number_of(*value)) {
    if (*number == 0 || (row.off_at_one && *number == 1)) return std::nullopt;
    if (std::holds_alternative<bool>(*value)) return name;
    return fmt::format("{} ({})", name, *number);
  }
  if (const auto* text = std::get_if<std::string_view>(value)) {
    if (text->empty()) return std::nullopt;
    return fmt::format("{} ({})", name, quoted(*text));
  }
  return name;
}

}  // namespace

std::vector<std::string> recommendations_not_followed(const Metadata& metadata) {
  const std::vector<std::string_view> paths = metadata.paths();
  std::vector<std::string> out;
  bool beams = false;
  for (const NotFollowed& row : kNotFollowed) {
    if (row.of_beams && !beams) continue;
    auto name = asked(row, metadata, paths);
    if (!name) continue;
    beams = beams || row.path == kBeams;
    out.push_back(*std::move(name));
  }
  return out;
}

}  // namespace sirocco
