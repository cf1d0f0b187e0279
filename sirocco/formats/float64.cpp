#include "sirocco/formats/float64.hpp"

#include <cstring>

namespace sirocco {

void NarrowedFloat64::read(std::int64_t row, std::int64_t column, std::int64_t count,
                           std::byte* out) const noexcept {
  const std::byte* const from =
      bytes_.data() + static_cast<std::size_t>(row * columns_ + column) * sizeof(double);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    double wide = 0.0;
    std::memcpy(&wide, from + i * sizeof wide, sizeof wide);
    const float narrow = f64_to_f32(wide);
    std::memcpy(out + i * sizeof narrow, &narrow, sizeof narrow);
  }
}

RowsOfFile narrowed_rows(std::span<const std::byte> bytes, std::int64_t columns) {
  return {std::make_unique<const NarrowedFloat64>(bytes, columns),
          {{bytes, static_cast<std::size_t>(columns) * sizeof(double)}}};
}

}  // namespace sirocco
