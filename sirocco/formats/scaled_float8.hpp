#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/formats/safetensors.hpp"

namespace sirocco {

/// Element types of eight bits that safetensors has and sirocco reads.
inline constexpr std::array<std::string_view, 2> kFloat8Types = {"F8_E4M3", "F8_E5M2"};
bool is_float8(std::string_view dtype);

/// ScaledFloat8 are the elements of the rows of a tensor of such a type times their scales, as
/// bf16: the product in F32, rounded once.
class ScaledFloat8 final : public MadeRows {
 public:
  /// Without a scale, every element counts as it is. Each extent of the scale is 1, the tensor's,
  /// or, of the last two, its number of blocks; missing ones in front count as 1, and a vector of
  /// the last but one extent has a scale a row. Throws FormatError for other shapes,
  /// UnsupportedError for scales that are no F64, F32, F16 or BF16.
  ScaledFloat8(const SafetensorsEntry& tensor, const SafetensorsEntry* scale,
               std::string_view origin, ScaleBlock block = {});

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override;

 private:
  /// The scales of one axis: element i of the tensor has scale i / group, `stride` apart.
  struct Axis {
    std::int64_t extent;
    std::int64_t group;
    std::int64_t stride;
  };

  const std::array<float, 256>* values_;  ///< of the element type, by the bits
  std::span<const std::byte> bytes_;
  std::int64_t columns_;
  std::vector<Axis> axes_;  // outermost first
  std::vector<float> scales_;
};

}  // namespace sirocco
