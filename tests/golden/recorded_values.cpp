#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/golden/counted_values_testing.hpp"
#include "tests/golden/recorded_values_testing.hpp"
#include "tests/models/npy_testing.hpp"

namespace sirocco::testing {

std::vector<float> made_values(const JsonValue& entry) {
  std::int64_t count = 1;
  for (const std::int64_t extent : whole_numbers(array(entry, "shape"))) count *= extent;
  std::vector<float> out(static_cast<std::size_t>(count));
  CountedValues(static_cast<std::uint64_t>(as<std::int64_t>(member(entry, "seed"))),
                text(entry, "made"))
      .fill(0.0f, real(entry, "spread"), out);
  return out;
}

std::size_t count_member(const JsonValue& object, std::string_view name) {
  return static_cast<std::size_t>(as<std::int64_t>(member(object, name)));
}

std::vector<std::int32_t> ids_member(const JsonValue& object, std::string_view name) {
  std::vector<std::int32_t> out;
  for (const std::int64_t id : whole_numbers(array(object, name)))
    out.push_back(static_cast<std::int32_t>(id));
  return out;
}

std::vector<std::size_t> places_member(const JsonValue& object, std::string_view name) {
  std::vector<std::size_t> out;
  for (const std::int64_t place : whole_numbers(array(object, name)))
    out.push_back(static_cast<std::size_t>(place));
  return out;
}

RecordedValues::RecordedValues(const std::filesystem::path& npy)
    : all_(read_npy_floats(npy).values) {}

RecordedArray RecordedValues::read(const JsonValue& object, std::string_view name) const {
  const JsonValue* const found = object.member(name);
  return found != nullptr ? read(*found) : RecordedArray{};
}

RecordedArray RecordedValues::read(const JsonValue& entry) const {
  RecordedArray out;
  out.shape = whole_numbers(array(entry, "shape"));
  if (entry.member("every") != nullptr) out.every = count_member(entry, "every");
  std::size_t count = 1;
  for (const std::int64_t extent : out.shape) count *= static_cast<std::size_t>(extent);
  count = (count + out.every - 1) / out.every;
  const std::size_t at = count_member(entry, "at");
  if (at > all_.size() || count > all_.size() - at)
    throw std::runtime_error("numbers behind the end of their file");
  const auto begin = all_.begin() + static_cast<std::ptrdiff_t>(at);
  out.values.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  return out;
}

double largest_difference(const RecordedArray& recorded, std::span<const float> computed) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  std::size_t count = 1;
  for (const std::int64_t extent : recorded.shape) count *= static_cast<std::size_t>(extent);
  if (computed.size() != count) return kNone;
  double largest = 0.0;
  double difference = 0.0;
  for (std::size_t i = 0; i < recorded.values.size(); ++i) {
    const double expected = recorded.values[i];
    const double distance = std::abs(expected - computed[i * recorded.every]);
    if (std::isnan(distance)) return kNone;
    largest = std::max(largest, std::abs(expected));
    difference = std::max(difference, distance);
  }
  return difference == 0.0 ? 0.0 : difference / largest;
}

}  // namespace sirocco::testing
