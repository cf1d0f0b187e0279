#include "sirocco/formats/scaled_float8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/formats/float64.hpp"
#include "sirocco/formats/float8.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

template <float (*kDecode)(std::uint8_t)>
constexpr auto kValuesOf = [] {
  std::array<float, 256> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = kDecode(static_cast<std::uint8_t>(i));
  return values;
}();

/// In the order of kFloat8Types.
constexpr std::array kValues = {&kValuesOf<f8_e4m3_to_f32>, &kValuesOf<f8_e5m2_to_f32>};
static_assert(kValues.size() == kFloat8Types.size());

const std::array<float, 256>* values_of(std::string_view dtype) {
  const auto* const found = std::ranges::find(kFloat8Types, dtype);
  SIROCCO_CHECK(found != kFloat8Types.end());
  return kValues[static_cast<std::size_t>(found - kFloat8Types.begin())];
}

/// Scales in their order; nothing where they are of another type than these.
std::optional<std::vector<float>> read_scales(const SafetensorsEntry& scale) {
  constexpr std::array kTypes = {std::pair("F32", FormatId::kF32), std::pair("F16", FormatId::kF16),
                                 std::pair("BF16", FormatId::kBF16)};
  if (scale.dtype == "F64") {
    std::vector<float> out(scale.bytes.size() / sizeof(double));
    const std::int64_t count = std::ssize(out);
    NarrowedFloat64(scale.bytes, count)
        .read(0, 0, count, std::as_writable_bytes(std::span(out)).data());
    return out;
  }
  const auto* const type = std::ranges::find(kTypes, scale.dtype, [](auto& t) { return t.first; });
  if (type == kTypes.end()) return std::nullopt;
  const Format* const format = find_format(type->second);
  std::vector<float> out(scale.bytes.size() / format->block_bytes);
  format->decode(scale.bytes.data(), out.size(), out.data());
  return out;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace

bool is_float8(std::string_view dtype) {
  return std::ranges::find(kFloat8Types, dtype) != kFloat8Types.end();
}

ScaledFloat8::ScaledFloat8(const SafetensorsEntry& tensor, const SafetensorsEntry* scale,
                           std::string_view origin, ScaleBlock block)
    : values_(values_of(tensor.dtype)), bytes_(tensor.bytes), columns_(1) {
  // As in Shape: what is beyond the fourth dimension is joined with it.
  constexpr std::size_t kLastAxis = Shape::kMaxRank - 1;
  for (std::size_t axis = std::min(kLastAxis, tensor.shape.size() - 1); axis < tensor.shape.size();
       ++axis)
    columns_ *= tensor.shape[axis];
  if (scale == nullptr) {
    scales_ = {1.0f};
    return;
  }
  auto scales = read_scales(*scale);
  if (!scales) {
    throw UnsupportedError("{}: the scales {} are {}; sirocco reads F64, F32, F16 and BF16", origin,
                           sirocco::quoted(scale->name), scale->dtype);
  }
  scales_ = *std::move(scales);
  const std::size_t rank = tensor.shape.size();
  if (rank < 2 && scales_.size() == 1) return;
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
    const float value = (*values_)[static_cast<std::size_t>(from[i])];
    const std::uint16_t bits = f32_to_bf16(value * scales_[static_cast<std::size_t>(at)]);
    std::memcpy(out + 2 * i, &bits, sizeof bits);
  }
}

}  // namespace sirocco
