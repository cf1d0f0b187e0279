#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_description.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kSections = "mrope_section";

/// Where the folder writes about rotary encoding. "rope_scaling" is what older versions of the
/// library call "rope_parameters" and comes before it: it takes its place, or, where kinds of
/// layers differ, is added to what that says of one of them.
class RotaryPlaces {
 public:
  RotaryPlaces(const FolderDescription& d, std::string_view group) : d_(d), group_(group) {
    for (const std::string_view name : {"rope_scaling", "rope_parameters"}) {
      if (!d.says(name) || d.says_null(name)) continue;
      throw FormatError("{}: {} is no object with members, so that it isn't known what it says",
                        d.origin(), quoted(d.config_path(name)));
    }
    const bool old = d.says_below("rope_scaling");
    if (old) places_.emplace_back("rope_scaling.");
    if (!group.empty()) places_.push_back(fmt::format("rope_parameters.{}.", group));
    if (group.empty() && !old) places_.emplace_back("rope_parameters.");
  }

  /// Whether the folder says anything of a scaling.
  bool any() const {
    return std::ranges::any_of(places_, [&](std::string_view place) {
      return d_.says_below(place.substr(0, place.size() - 1));
    });
  }
  /// The name of the member where it is written, or an empty one.
  std::string find(std::string_view name) const {
    for (const std::string& place : places_) {
      if (std::string full = place + std::string(name); d_.says(full)) return full;
    }
    return "";
  }
  /// The name of the member in the first place.
  std::string first(std::string_view name) const { return places_.front() + std::string(name); }
  /// As `find`, for those that may stand outside too.
  std::string find_anywhere(std::string_view name) const {
    std::string found = find(name);
    return found.empty() && d_.says(name) ? std::string(name) : found;
  }
  double number(std::string_view name) const {
    const std::string found = find(name);
    // Where it is missing, the first place's name makes the message.
    return d_.number(found.empty() ? first(name) : found);
  }
  /// Null is as good as missing.
  double number_or(std::string_view name, double fallback) const {
    const std::string found = find(name);
    return found.empty() || d_.says_null(found) ? fallback : d_.number(found);
  }
  /// "type" is a member of other things too, so it counts only below its place.
  std::string_view type() const {
    for (const std::string_view name : {"rope_type", "type"}) {
      const std::string found = find(name);
      if (found.empty()) continue;
      // The sections say so.
      const std::string_view type = d_.text(found);
      return type == "mrope" && !find(kSections).empty() ? "default" : type;
    }
    return "default";
  }
  /// Of the model before its context was stretched, of `trained` where it wasn't.
  double original_positions(std::int64_t trained) const {
    constexpr std::string_view kName = "original_max_position_embeddings";
    if (group_.empty() && d_.says(kName)) return d_.number(kName);
    const std::string found = find(kName);
    return found.empty() ? static_cast<double>(trained) : d_.number(found);
  }

 private:
  const FolderDescription& d_;
  std::string_view group_;
  std::vector<std::string> places_;
};

/// `value` as a count of positions or elements.
std::int64_t whole(const FolderDescription& d, std::string_view what, double value) {
  constexpr double kMax = 1 << 30;
  if (!(value >= 1.0 && value <= kMax)) {
    throw FormatError("{}: {} makes {}; expected 1 to {}", d.origin(), quoted(what), value, kMax);
  }
  return static_cast<std::int64_t>(value);
}

/// The divisor of each frequency that Llama 3's scaling stands for, in the float operations, one
/// rounding each, with which llama.cpp's converter makes the table of a GGUF file.
std::vector<float> llama3_factors(const RotaryPlaces& places, std::int64_t trained,
                                  std::int64_t dims, float base) {
  const auto factor = static_cast<float>(places.number("factor"));
  const double low = places.number("low_freq_factor");
  const double high = places.number("high_freq_factor");
  const double positions = places.original_positions(trained);
  const auto max_wavelength = static_cast<float>(positions / low);
  const auto min_wavelength = static_cast<float>(positions / high);
  std::vector<float> factors;
  for (std::int64_t i = 0; i < dims; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dims);
    const float frequency =
        1.0f / static_cast<float>(std::pow(static_cast<double>(base), double{exponent}));
    const float wavelength = (1.0f / frequency) * static_cast<float>(2.0 * std::numbers::pi);
    if (wavelength < min_wavelength) {
      factors.push_back(1.0f);
    } else if (wavelength > max_wavelength) {
      factors.push_back(factor);
    } else {
      const float turns = (1.0f / wavelength) * static_cast<float>(positions);
      const float smooth = (turns - static_cast<float>(low)) / static_cast<float>(high - low);
      factors.push_back(1.0f / ((1.0f - smooth) / factor + smooth));
    }
  }
  return factors;
}

void set_yarn(FolderDescription& d, const FolderYarn& yarn) {
  d.set("rope.scaling.type", std::string_view("yarn"));
  d.set("rope.scaling.factor", yarn.factor);
  d.set("rope.scaling.original_context_length", yarn.original_positions);
  d.set("rope.scaling.yarn_beta_fast", yarn.beta_fast);
  d.set("rope.scaling.yarn_beta_slow", yarn.beta_slow);
  d.set("rope.scaling.yarn_truncate", yarn.truncate);
}

FolderYarn read_yarn(const FolderDescription& d, const RotaryPlaces& places) {
  // A null is no truth, and left out it is one.
  const std::string truncate = places.find("truncate");
  return {.factor = places.number("factor"),
          .original_positions = whole(d, "original_max_position_embeddings",
                                      places.original_positions(d.integer("context_length"))),
          .beta_fast = places.number_or("beta_fast", 32.0),
          .beta_slow = places.number_or("beta_slow", 1.0),
          .truncate = truncate.empty() || d.said<bool>(truncate).value_or(false)};
}

/// What is left for cosines and sines, over what it is without being said.
void set_yarn_magnitude(FolderDescription& d, const RotaryPlaces& places, double factor) {
  const auto magnitude = [&](double m) {
    return factor <= 1.0 ? 1.0 : 0.1 * m * std::log(factor) + 1.0;
  };
  const double all = places.number_or("mscale_all_dim", 0.0);
  const double mscale = places.number_or("mscale", 0.0);
  const double usual =
      all != 0.0 && mscale != 0.0 ? magnitude(mscale) / magnitude(all) : magnitude(1.0);
  const double said = places.number_or("attention_factor", usual);
  const double unsaid = all != 0.0 ? 1.0 : magnitude(1.0);
  if (said != unsaid) d.set("rope.scaling.attn_factor", said / unsaid);
}

/// How many elements of a head rotate; the key is set where that isn't the whole head.
std::int64_t set_rotary_dims(FolderDescription& d, const RotaryPlaces& places, double usual_part) {
  const std::int64_t head = d.is_set("attention.key_length")
                                ? d.integer("attention.key_length")
                                : d.integer("embedding_length") / d.integer("attention.head_count");
  const std::string partial = places.find_anywhere("partial_rotary_factor");
  const double part = partial.empty() ? usual_part : d.number(partial);
  if (part != 1.0 && usual_part == 1.0) {
    throw UnsupportedError("{}: {} is {}, but heads of this architecture rotate as a whole",
                           d.origin(), quoted(d.config_path(partial)), part);
  }
  if (d.is_set("rope.dimension_count")) return d.integer("rope.dimension_count");
  if (part == 1.0) return head;
  const std::int64_t dims = whole(d, "partial_rotary_factor", static_cast<double>(head) * part);
  d.set("rope.dimension_count", dims);
  return dims;
}

/// The scaling that the folder speaks of. Throws UnsupportedError for one that isn't known,
/// FormatError for one without its factor.
std::string_view checked_scaling(const FolderDescription& d, const RotaryPlaces& places) {
  const std::string_view type = places.type();
  if (type == "default") return type;
  if (type != "linear" && type != "dynamic" && type != "llama3" && type != "yarn") {
    throw UnsupportedError(
        "{}: rotary scaling {} isn't supported; known are 'default', 'linear', 'dynamic', 'llama3' "
        "and 'yarn'",
        d.origin(), quoted(type));
  }
  if (places.find("factor").empty()) {
    throw FormatError(
        "{}: {} is missing, without which rotary scaling {} says nothing; transformers refuses it "
        "too: give it its factor, or take the scaling out",
        d.origin(), quoted(d.config_path(places.first("factor"))), quoted(type));
  }
  return type;
}

void set_scaling(FolderDescription& d, const RotaryPlaces& places, std::int64_t dims,
                 double theta) {
  const std::string_view type = checked_scaling(d, places);
  if (type == "default") return;
  // As llama.cpp's converter has it: the factor of ln(scale) in the attention's magnitude. Families
  // that put it into scores do so whatever the scaling is.
  d.set("rope.scaling.type", type == "llama3" ? std::string_view("none") : type);
  d.set("rope.scaling.factor", places.number("factor"));
  if (const double all = places.number_or("mscale_all_dim", 0.0); all != 0.0)
    d.set("rope.scaling.yarn_log_multiplier", 0.1 * all);
  if (type == "linear" || type == "dynamic") return;
  if (type == "yarn") {
    const FolderYarn yarn = read_yarn(d, places);
    set_yarn(d, yarn);
    return set_yarn_magnitude(d, places, yarn.factor);
  }
  constexpr std::int64_t kMaxDims = 1 << 16;
  if (dims < 2 || dims > kMaxDims || dims % 2 != 0) {
    throw FormatError("{}: heads have {} rotary elements; expected an even number up to {}",
                      d.origin(), dims, kMaxDims);
  }
  d.vectors.insert_or_assign(
      "rope_freqs.weight",
      llama3_factors(places, d.integer("context_length"), dims, static_cast<float>(theta)));
}

void set_sections(FolderDescription& d, const RotaryPlaces& places,
                  const std::array<std::int64_t, 3>& usual) {
  std::vector<std::int64_t> sections(usual.begin(), usual.end());
  if (const std::string said = places.find(kSections); !said.empty()) {
    const auto* const found = d.said_array<std::vector<std::int64_t>>(said);
    if (found == nullptr || found->size() != usual.size()) {
      throw FormatError("{}: {} is no list of {} counts of pairs, one an axis", d.origin(),
                        quoted(d.config_path(said)), usual.size());
    }
    sections = *found;
  }
  d.set("rope.dimension_sections", std::move(sections));
}

}  // namespace

void set_rotary(FolderDescription& d, const RotaryDefaults& defaults) {
  constexpr std::string_view kOfOneKind = "rope_parameters.full_attention";
  if (defaults.group.empty() && d.says_below(kOfOneKind)) {
    throw UnsupportedError("{}: {} is of one kind of layers, but all rotate alike here", d.origin(),
                           quoted(d.config_path(kOfOneKind)));
  }
  const RotaryPlaces places(d, defaults.group);
  const std::string base = places.find_anywhere("rope_theta");
  const double theta = base.empty() ? defaults.base : d.number(base);
  d.set("rope.freq_base", theta);
  const std::int64_t dims = set_rotary_dims(d, places, defaults.part);
  if (defaults.sections) set_sections(d, places, *defaults.sections);
  if (defaults.unsaid && !places.any()) return set_yarn(d, *defaults.unsaid);
  set_scaling(d, places, dims, theta);
}

}  // namespace sirocco
