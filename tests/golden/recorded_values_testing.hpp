#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "tests/golden/description_testing.hpp"

/// Numbers that another implementation made, of which a part is recorded. Functions throw
/// std::runtime_error for a record that isn't as expected.
namespace sirocco::testing {

/// Recorded numbers of an array, row after row: elements 0, `every`, 2 * `every` and so on.
struct RecordedArray {
  Shape shape;
  std::size_t every = 1;
  std::vector<float> values;
};

/// The largest distance of a whole array from what was recorded of it, over the largest number that
/// was recorded; infinity where it has another size or holds a NaN.
double largest_difference(const RecordedArray& recorded, std::span<const float> computed);

/// RecordedValues are all numbers of a model, in one file, of which members of descriptions name
/// parts.
class RecordedValues {
 public:
  explicit RecordedValues(const std::filesystem::path& npy);

  /// Empty where there is no such member.
  RecordedArray read(const JsonValue& object, std::string_view name) const;
  RecordedArray read(const JsonValue& entry) const;

 private:
  std::vector<float> all_;
};

/// The numbers of an array that is made and not stored (CountedValues): of its "shape", around 0.
std::vector<float> made_values(const JsonValue& entry);

std::size_t count_member(const JsonValue& object, std::string_view name);
/// Both are empty where there is no such member.
std::vector<std::int32_t> ids_member(const JsonValue& object, std::string_view name);
std::vector<std::size_t> places_member(const JsonValue& object, std::string_view name);

}  // namespace sirocco::testing
