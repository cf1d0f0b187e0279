#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <stdexcept>

#include "tests/golden/counted_values_testing.hpp"
#include "tests/golden/golden_weights_testing.hpp"

namespace sirocco::testing {
namespace {

std::int64_t product(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::string with_number(std::string name, char sign, std::int64_t number) {
  if (const auto at = name.find(sign); at != std::string::npos)
    name.replace(at, 1, std::to_string(number));
  return name;
}

/// A form of a weight: its name if there is nothing else to say.
void read_view(const JsonValue& form, const Weight& weight, std::int64_t layer,
               std::vector<View>& out) {
  View view;
  view.shape = weight.shape;
  view.dims.emplace_back(product(weight.shape), 1);
  if (const auto* const name = form.as<std::string>()) {
    view.name = with_number(*name, '*', layer);
    out.push_back(std::move(view));
    return;
  }
  view.name = with_number(text(form, "name"), '*', layer);
  if (form.member("shape") != nullptr) view.shape = whole_numbers(array(form, "shape"));
  if (form.member("dims") != nullptr) {
    view.dims.clear();
    for (const JsonValue& dim : array(form, "dims")) {
      const Shape pair = whole_numbers(as<JsonValue::Array>(dim));
      view.dims.emplace_back(pair.at(0), pair.at(1));
    }
    view.start = as<std::int64_t>(member(form, "start"));
  }
  view.plus = real(form, "plus");
  for (const JsonValue& format : array(form, "formats"))
    view.formats.push_back(as<std::string>(format));
  const Shape experts = whole_numbers(array(form, "experts"));
  for (std::int64_t i = 0; i < (experts.empty() ? 1 : experts.at(0)); ++i) {
    View each = view;
    if (!experts.empty()) {
      each.name = with_number(view.name, '#', i);
      each.start += i * experts.at(1);
    }
    out.push_back(std::move(each));
  }
}

std::vector<View> read_views(const JsonValue& entry, std::string_view form, const Weight& weight,
                             std::int64_t layer) {
  std::vector<View> out;
  const JsonValue* const found = entry.member(form);
  if (found == nullptr) return out;
  if (const auto* const several = found->as<JsonValue::Array>()) {
    for (const JsonValue& each : *several) read_view(each, weight, layer, out);
  } else {
    read_view(*found, weight, layer, out);
  }
  return out;
}

Weight make_weight(const JsonValue& entry, std::int64_t layer, std::uint64_t seed) {
  Weight weight;
  weight.name = with_number(text(entry, "name"), '*', layer);
  weight.shape = whole_numbers(array(entry, "shape"));
  weight.dtype = entry.member("dtype") != nullptr ? text(entry, "dtype") : "F32";
  weight.values.resize(static_cast<std::size_t>(product(weight.shape)));
  CountedValues(seed, weight.name)
      .fill(real(entry, "center"), real(entry, "spread"), weight.values);
  if (const Format& format = format_named(weight.dtype); format.id != FormatId::kF32) {
    Bytes rounded(weight.values.size() * format.block_bytes);
    format.encode(weight.values.data(), weight.values.size(), rounded.data());
    format.decode(rounded.data(), weight.values.size(), weight.values.data());
  }
  weight.gguf = read_views(entry, "gguf", weight, layer);
  weight.folder = read_views(entry, "folder", weight, layer);
  weight.packed = read_views(entry, "packed", weight, layer);
  return weight;
}

/// A block of 32 in MXFP4, which sirocco doesn't encode, as the `gguf` package does it: an exponent
/// below which the largest value stands, and for each value the nearest of 16, the lower number of
/// two as near; the first half in the lower four bits.
void encode_mxfp4(const float* values, std::byte* encoded) {
  constexpr float kValues[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  float largest = 0.0f;
  for (std::size_t i = 0; i < kMxFp4Block; ++i) largest = std::max(largest, std::abs(values[i]));
  const int exponent = largest > 0 ? std::ilogb(largest) - 2 + 127 : 0;
  const float half = std::ldexp(1.0f, exponent - 128);
  const auto nearest = [&](float value) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < std::size(kValues); ++i) {
      if (std::abs(half * kValues[i] - value) < std::abs(half * kValues[best] - value)) best = i;
    }
    return best;
  };
  encoded[0] = static_cast<std::byte>(exponent);
  for (std::size_t i = 0; i < kMxFp4Block / 2; ++i)
    encoded[1 + i] =
        static_cast<std::byte>(nearest(values[i]) | nearest(values[i + kMxFp4Block / 2]) << 4);
}

}  // namespace

const Format& format_named(std::string_view name) {
  if (const Format* const found = find_format(name)) return *found;
  throw std::runtime_error(fmt::format("no format '{}'", name));
}

std::vector<Weight> make_weights(const JsonValue& model) {
  std::vector<Weight> out;
  const auto seed =
      static_cast<std::uint64_t>(as<std::int64_t>(member(member(model, "made_with"), "seed")));
  for (const JsonValue& entry : array(model, "weights")) {
    const Shape layers = whole_numbers(array(entry, "layers"));
    if (layers.empty()) {
      out.push_back(make_weight(entry, 0, seed));
      continue;
    }
    for (std::int64_t layer = layers.at(0); layer <= layers.at(1); ++layer) {
      for (const JsonValue& each : array(entry, "weights"))
        out.push_back(make_weight(each, layer, seed));
    }
  }
  return out;
}

Floats values_of(const View& view, const Weight& weight) {
  std::int64_t last = view.start;
  std::int64_t count = 1;
  for (const auto& [extent, stride] : view.dims) {
    last += (extent - 1) * stride;
    count *= extent;
  }
  if (view.start < 0 || last >= std::ssize(weight.values) || count != product(view.shape))
    throw std::runtime_error(fmt::format("'{}' doesn't fit '{}'", view.name, weight.name));
  Floats out;
  out.reserve(static_cast<std::size_t>(count));
  const std::function<void(std::size_t, std::int64_t)> gather = [&](std::size_t dim,
                                                                    std::int64_t at) {
    const auto [extent, stride] = view.dims[dim];
    for (std::int64_t i = 0; i < extent; ++i, at += stride) {
      if (dim + 1 < view.dims.size()) {
        gather(dim + 1, at);
      } else {
        out.push_back(weight.values[static_cast<std::size_t>(at)] + view.plus);
      }
    }
  };
  gather(0, view.start);
  return out;
}

Bytes encoded(const Floats& values, const Format& format) {
  const std::size_t blocks = values.size() / format.block_elements;
  Bytes out(blocks * format.block_bytes);
  if (format.id == FormatId::kMXFP4) {
    for (std::size_t i = 0; i < blocks; ++i)
      encode_mxfp4(values.data() + i * kMxFp4Block, out.data() + i * format.block_bytes);
  } else {
    format.encode(values.data(), blocks, out.data());
  }
  return out;
}

}  // namespace sirocco::testing
