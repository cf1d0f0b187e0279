#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/formats/json_value.hpp"
#include "sirocco/quant/format.hpp"
#include "tests/golden/description_testing.hpp"

namespace sirocco::testing {

using Bytes = std::vector<std::byte>;
using Floats = std::vector<float>;

/// A tensor of a file, of a weight's elements one after another.
struct View {
  std::string name;
  Shape shape;
  std::int64_t start = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> dims;  ///< counts and strides
  float plus = 0.0f;
  std::vector<std::string> formats;  ///< one a file, where they aren't the files'
};

/// A parameter of the model, and the tensors that files have of it.
struct Weight {
  std::string name;
  Shape shape;
  std::string dtype;
  Floats values;  ///< that `dtype` can hold
  std::vector<View> gguf;
  std::vector<View> folder;
  std::vector<View> packed;  ///< in the folder with packed experts
};

/// The weights that a description lists, in its order.
std::vector<Weight> make_weights(const JsonValue& model);

/// The elements of `view`, a view of `weight`.
Floats values_of(const View& view, const Weight& weight);

/// The format with that name.
const Format& format_named(std::string_view name);

/// Whole blocks of `format`, as the `gguf` package makes them.
Bytes encoded(const Floats& values, const Format& format);

inline constexpr std::size_t kMxFp4Block = 32;

}  // namespace sirocco::testing
