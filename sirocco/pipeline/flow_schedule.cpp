#include "sirocco/pipeline/flow_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::int64_t kMaxSteps = 100000;

std::string path(std::string_view member) { return fmt::format("config.{}", member); }

double finite(const Metadata& folder, std::string_view member, double fallback) {
  const double value = folder.get<double>(path(member)).value_or(fallback);
  if (!std::isfinite(value))
    throw FormatError("{}: {} is {}", folder.origin(), quoted(path(member)), value);
  return value;
}

std::int64_t patches(const Metadata& folder, std::string_view member, std::int64_t fallback) {
  const std::int64_t value = folder.get<std::int64_t>(path(member)).value_or(fallback);
  if (value < 0) throw FormatError("{}: {} is {}", folder.origin(), quoted(path(member)), value);
  return value;
}

FlowSchedule::Shape read_shape(const Metadata& folder) {
  constexpr std::string_view kMember = "time_shift_type";
  const auto name = folder.get<std::string_view>(path(kMember)).value_or("exponential");
  if (name == "exponential") return FlowSchedule::Shape::kExponential;
  if (name == "linear") return FlowSchedule::Shape::kLinear;
  throw UnsupportedError("{}: {} is {}; known are exponential and linear", folder.origin(),
                         quoted(path(kMember)), quoted(name));
}

FlowSchedule::SizeShift read_size_shift(const Metadata& folder) {
  FlowSchedule::SizeShift of_size;
  of_size.base = finite(folder, "base_shift", of_size.base);
  of_size.most = finite(folder, "max_shift", of_size.most);
  of_size.base_patches = patches(folder, "base_image_seq_len", of_size.base_patches);
  of_size.most_patches = patches(folder, "max_image_seq_len", of_size.most_patches);
  if (of_size.base_patches >= of_size.most_patches) {
    throw FormatError("{}: {} is {}, which is no more than {}, {}", folder.origin(),
                      quoted(path("max_image_seq_len")), of_size.most_patches,
                      quoted(path("base_image_seq_len")), of_size.base_patches);
  }
  of_size.shape = read_shape(folder);
  return of_size;
}

/// By how much levels are shifted, rounded as numpy rounds a number that meets F32.
float shift_of(const FlowSchedule::SizeShift& by, std::int64_t patches) {
  const double slope = (by.most - by.base) / static_cast<double>(by.most_patches - by.base_patches);
  const double begin = by.base - slope * static_cast<double>(by.base_patches);
  const double shift = static_cast<double>(patches) * slope + begin;
  return static_cast<float>(by.shape == FlowSchedule::Shape::kLinear ? shift : std::exp(shift));
}

}  // namespace

std::vector<float> FlowSchedule::levels(std::int64_t steps, std::int64_t patches) const {
  if (steps < 1 || steps > kMaxSteps)
    throw InvalidArgument("{} steps of denoising; there are 1 to {}", steps, kMaxSteps);
  if (patches < 1) throw InvalidArgument("a picture of {} patches", patches);
  const auto count = static_cast<double>(steps);
  std::vector<float> out;
  for (std::int64_t i = 0; i < steps; ++i) {
    // An even division of what is from 1 to 1 / count.
    const double even =
        steps == 1 ? 1.0 : 1.0 + static_cast<double>(i) * ((1.0 / count - 1.0) / (count - 1.0));
    out.push_back(static_cast<float>(i == steps - 1 ? 1.0 / count : even));
  }
  if (of_size) {
    const float by = shift_of(*of_size, patches);
    for (float& level : out) level = by / (by + (1.0f / level - 1.0f));
  } else {
    const auto by = static_cast<float>(shift);
    for (float& level : out) level = by * level / (1.0f + static_cast<float>(shift - 1.0) * level);
  }
  if (last_level && steps > 1) {
    const float stretch = (1.0f - out.back()) / static_cast<float>(1.0 - *last_level);
    for (float& level : out) level = 1.0f - (1.0f - level) / stretch;
  }
  out.push_back(0.0f);
  return out;
}

FlowSchedule read_flow_schedule(const Metadata& folder) {
  constexpr std::string_view kClass = "_class_name";
  constexpr std::string_view kKnown = "FlowMatchEulerDiscreteScheduler";
  const auto name = folder.get<std::string_view>(path(kClass)).value_or(kKnown);
  if (name != kKnown) {
    throw UnsupportedError("{}: {} is {}; supported is {}", folder.origin(), quoted(path(kClass)),
                           quoted(name), kKnown);
  }
  for (const std::string_view flag : {"invert_sigmas", "stochastic_sampling", "use_beta_sigmas",
                                      "use_exponential_sigmas", "use_karras_sigmas"}) {
    if (folder.get<bool>(path(flag)).value_or(false))
      throw UnsupportedError("{}: {} isn't supported", folder.origin(), quoted(path(flag)));
  }
  FlowSchedule out;
  out.shift = finite(folder, "shift", out.shift);
  if (!(out.shift > 0))
    throw FormatError("{}: {} is {}", folder.origin(), quoted(path("shift")), out.shift);
  if (folder.get<bool>(path("use_dynamic_shifting")).value_or(false))
    out.of_size = read_size_shift(folder);
  if (const auto last = folder.get<double>(path("shift_terminal"))) {
    if (!(*last >= 0 && *last < 1))
      throw FormatError("{}: {} is {}", folder.origin(), quoted(path("shift_terminal")), *last);
    if (*last > 0) out.last_level = last;
  }
  return out;
}

std::int64_t first_step(std::int64_t steps, double strength) {
  if (!(strength >= 0 && strength <= 1))
    throw InvalidArgument("the strength is {}; it has to be from 0 to 1", strength);
  const auto count = static_cast<double>(steps);
  const auto first = static_cast<std::int64_t>(count - std::min(count * strength, count));
  if (first >= steps)
    throw InvalidArgument("a strength of {} leaves none of {} steps", strength, steps);
  return first;
}

}  // namespace sirocco
