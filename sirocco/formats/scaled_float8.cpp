#include "sirocco/formats/scaled_float8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/formats/float8.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

constexpr auto kValues = [] {
  std::array<float, 256> values{};
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = f8_e4m3_to_f32(static_cast<std::uint8_t>(i));
  return values;
}();

const Format* scale_format(std::string_view dtype) {
  if (dtype == "F32") return find_format(FormatId::kF32);
  if (dtype == "F16") return find_format(FormatId::kF16);
  if (dtype == "BF16") return find_format(FormatId::kBF16);
  return nullptr;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace

ScaledFloat8::ScaledFloat8(const SafetensorsEntry& tensor, const SafetensorsEntry* scale,
                           std::string_view origin, ScaleBlock block)
    : bytes_(tensor.bytes), columns_(1) {
  // As in Shape: what is beyond the fourth dimension is joined with it.
  constexpr std::size_t kLastAxis = Shape::kMaxRank - 1;
  for (std::size_t axis = std::min(kLastAxis, tensor.shape.size() - 1); axis < tensor.shape.size();
       ++axis)
    columns_ *= tensor.shape[axis];
  if (scale == nullptr) {
    scales_ = {1.0f};
    return;
  }
  const Format* const format = scale_format(scale->dtype);
  if (format == nullptr) {
    throw UnsupportedError("{}: the scales {} are {}; sirocco reads F32, F16 and BF16", origin,
                           sirocco::quoted(scale->name), scale->dtype);
  }
  const std::size_t rank = tensor.shape.size();
  if (rank < 2 && scale->bytes.size() == format->block_bytes) {
    scales_.resize(1);
    format->decode(scale->bytes.data(), 1, scales_.data());
    return;
  }
  std::vector<std::int64_t> shape = scale->shape;
  if (rank >= 2 && shape.size() == 1 && shape[0] != 1 && shape[0] == tensor.shape[rank - 2])
    shape.push_back(1);
  const bool fits = rank >= 2 && rank <= Shape::kMaxRank && shape.size() <= rank &&
                    (shape.size() != 1 || shape[0] == 1);
  if (fits) shape.insert(shape.begin(), rank - shape.size(), 1);
  std::int64_t stride = 1;
  for (std::size_t axis = rank; fits && axis-- > 0;) {
    const std::int64_t extent = tensor.shape[axis];
    const std::int64_t side = axis + 1 == rank ? block.columns : axis + 2 == rank ? block.rows : 1;
    const std::int64_t group = shape[axis] == 1                        ? extent
                               : shape[axis] == extent                 ? 1
                               : shape[axis] == ceil_div(extent, side) ? side
                                                                       : 0;
    if (group == 0) break;
    axes_.insert(axes_.begin(), {extent, group, shape[axis] == 1 ? 0 : stride});
    stride *= shape[axis];
  }
  if (axes_.size() != rank) {
    throw FormatError(
        "{}: the scales {} of shape {} don't fit tensor {} of shape {}; expected one for all, one "
        "a row or one a block of {} x {}",
        origin, sirocco::quoted(scale->name), shape_text(scale->shape),
        sirocco::quoted(tensor.name), shape_text(tensor.shape), block.rows, block.columns);
  }
  scales_.resize(static_cast<std::size_t>(stride));
  format->decode(scale->bytes.data(), scales_.size(), scales_.data());
}

void ScaledFloat8::read(std::int64_t row, std::int64_t column, std::int64_t count,
                        std::byte* out) const noexcept {
  std::int64_t base = 0;
  std::int64_t rest = row;
  for (std::size_t axis = axes_.empty() ? 0 : axes_.size() - 1; axis-- > 0;) {
    base += rest % axes_[axis].extent / axes_[axis].group * axes_[axis].stride;
    rest /= axes_[axis].extent;
  }
  const Axis last = axes_.empty() ? Axis{columns_, columns_, 0} : axes_.back();
  const std::byte* const from = bytes_.data() + row * columns_ + column;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t at = base + (column + i) / last.group * last.stride;
    const float value = kValues[static_cast<std::size_t>(from[i])];
    const std::uint16_t bits = f32_to_bf16(value * scales_[static_cast<std::size_t>(at)]);
    std::memcpy(out + 2 * i, &bits, sizeof bits);
  }
}

}  // namespace sirocco
