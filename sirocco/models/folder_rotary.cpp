#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "sirocco/base/error.hpp"
#include "sirocco/models/folder_description.hpp"

namespace sirocco {
namespace {

/// Where the folder writes about rotary encoding, the most particular place first.
class RotaryPlaces {
 public:
  RotaryPlaces(const FolderDescription& d, std::string_view group) : d_(d) {
    if (!group.empty()) places_.push_back(fmt::format("rope_parameters.{}.", group));
    places_.insert(places_.end(), {"rope_parameters.", "rope_scaling.", ""});
  }

  /// The name of the member where it is written, or an empty one.
  std::string find(std::string_view name) const {
    for (const std::string& place : places_) {
      if (std::string full = place + std::string(name); d_.says(full)) return full;
    }
    return "";
  }
  bool has(std::string_view name) const { return !find(name).empty(); }
  double number(std::string_view name) const {
    const std::string found = find(name);
    // Where it is missing, the first place's name makes the message.
    return d_.number(found.empty() ? fmt::format("rope_scaling.{}", name) : found);
  }
  double number_or(std::string_view name, double fallback) const {
    return has(name) ? number(name) : fallback;
  }

 private:
  const FolderDescription& d_;
  std::vector<std::string> places_;
};

/// `value` as a count of positions or elements.
std::int64_t whole(const FolderDescription& d, std::string_view what, double value) {
  constexpr double kMost = 1 << 30;
  if (!(value >= 1.0 && value <= kMost)) {
    throw FormatError("{}: {} makes {}; expected 1 to {}", d.origin(), quoted(what), value, kMost);
  }
  return static_cast<std::int64_t>(value);
}

/// "type" is a member of other things too, so it counts only below its place.
std::string_view scaling_type(const FolderDescription& d, std::string_view group) {
  const std::string own = fmt::format("rope_parameters.{}.", group);
  for (const std::string_view place : {std::string_view(own), std::string_view("rope_parameters."),
                                       std::string_view("rope_scaling.")}) {
    for (const std::string_view name : {"rope_type", "type"}) {
      const std::string full = fmt::format("{}{}", place, name);
      if (const auto type = d.said<std::string_view>(full)) return *type;
    }
  }
  return "default";
}

/// The divisor of each frequency that Llama 3's scaling stands for, in the float operations, one
/// rounding each, with which llama.cpp's converter makes the table of a GGUF file.
std::vector<float> llama3_factors(const RotaryPlaces& places, std::int64_t dims, float base) {
  const auto factor = static_cast<float>(places.number("factor"));
  const double low = places.number("low_freq_factor");
  const double high = places.number("high_freq_factor");
  const double positions = places.number("original_max_position_embeddings");
  const auto longest = static_cast<float>(positions / low);
  const auto shortest = static_cast<float>(positions / high);
  std::vector<float> factors;
  for (std::int64_t i = 0; i < dims; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dims);
    const float frequency =
        1.0f / static_cast<float>(std::pow(static_cast<double>(base), double{exponent}));
    const float wavelength = (1.0f / frequency) * static_cast<float>(2.0 * std::numbers::pi);
    if (wavelength < shortest) {
      factors.push_back(1.0f);
    } else if (wavelength > longest) {
      factors.push_back(factor);
    } else {
      const float turns = (1.0f / wavelength) * static_cast<float>(positions);
      const float smooth = (turns - static_cast<float>(low)) / static_cast<float>(high - low);
      factors.push_back(1.0f / ((1.0f - smooth) / factor + smooth));
    }
  }
  return factors;
}

void set_yarn(FolderDescription& d, const RotaryPlaces& places) {
  struct Row {
    std::string_view name;
    std::string_view canonical;
  };
  constexpr std::array kRows = {
      Row{"beta_fast", "rope.scaling.yarn_beta_fast"},
      Row{"beta_slow", "rope.scaling.yarn_beta_slow"},
  };
  d.set("rope.scaling.factor", places.number("factor"));
  const std::string positions = places.find("original_max_position_embeddings");
  d.set("rope.scaling.original_context_length",
        positions.empty() ? d.integer("context_length") : whole(d, positions, d.number(positions)));
  for (const Row& row : kRows) {
    if (places.has(row.name)) d.set(row.canonical, places.number(row.name));
  }
  const std::string truncate = places.find("truncate");
  if (const auto whole_pairs = truncate.empty() ? std::nullopt : d.said<bool>(truncate))
    d.set("rope.scaling.yarn_truncate", *whole_pairs);
  // As llama.cpp's converter has it: the factor of ln(scale) in the attention's magnitude.
  const double all = places.number_or("mscale_all_dim", 0.0);
  if (all != 0.0) d.set("rope.scaling.yarn_log_multiplier", 0.1 * all);
  // What is left for cosines and sines, over what it is without being said.
  const auto magnitude = [&](double m) {
    const double factor = places.number("factor");
    return factor <= 1.0 ? 1.0 : 0.1 * m * std::log(factor) + 1.0;
  };
  const double mscale = places.number_or("mscale", 0.0);
  const double usual =
      all != 0.0 && mscale != 0.0 ? magnitude(mscale) / magnitude(all) : magnitude(1.0);
  const double said = places.number_or("attention_factor", usual);
  const double unsaid = all != 0.0 ? 1.0 : magnitude(1.0);
  if (said != unsaid) d.set("rope.scaling.attn_factor", said / unsaid);
}

}  // namespace

void set_rotary(FolderDescription& d, const RotaryDefaults& defaults) {
  const RotaryPlaces places(d, defaults.group);
  const double theta = places.number_or("rope_theta", defaults.base);
  d.set("rope.freq_base", theta);
  std::int64_t dims = d.is_set("attention.key_length")
                          ? d.integer("attention.key_length")
                          : d.integer("embedding_length") / d.integer("attention.head_count");
  if (d.is_set("rope.dimension_count")) {
    dims = d.integer("rope.dimension_count");
  } else if (const double part = places.number_or("partial_rotary_factor", defaults.part);
             part != 1.0) {
    if (defaults.part == 1.0) {
      throw UnsupportedError("{}: {} is {}, but heads of this architecture rotate as a whole",
                             d.origin(), quoted(places.find("partial_rotary_factor")), part);
    }
    dims = whole(d, "partial_rotary_factor", static_cast<double>(dims) * part);
    d.set("rope.dimension_count", dims);
  }
  const std::string_view type = scaling_type(d, defaults.group);
  if (type == "default") return;
  if (type == "linear" || type == "yarn") d.set("rope.scaling.type", type);
  if (type == "linear") return d.set("rope.scaling.factor", places.number("factor"));
  if (type == "yarn") return set_yarn(d, places);
  if (type != "llama3") {
    throw UnsupportedError(
        "{}: rotary scaling {} isn't supported; known are 'default', 'linear', 'llama3' and 'yarn'",
        d.origin(), quoted(type));
  }
  constexpr std::int64_t kMostDims = 1 << 16;
  if (dims < 2 || dims > kMostDims || dims % 2 != 0) {
    throw FormatError("{}: heads have {} rotary elements; expected an even number up to {}",
                      d.origin(), dims, kMostDims);
  }
  d.vectors.insert_or_assign("rope_freqs.weight",
                             llama3_factors(places, dims, static_cast<float>(theta)));
}

}  // namespace sirocco
