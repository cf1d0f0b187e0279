#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sirocco/quant/panel.hpp"

namespace sirocco {

/// How the elements of a stored weight tensor are encoded. The values are GGUF's tensor type
/// numbers (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, `ggml_type`).
enum class FormatId : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kIQ4_XS = 23,
  kBF16 = 30,
  kMXFP4 = 39,
};

/// One row of the table of formats: everything that sirocco knows of a file format. A block is the
/// smallest unit that can be decoded alone; rows of a tensor are whole numbers of blocks.
struct Format {
  FormatId id;
  std::string_view name;         ///< as users write it: "q4_0"
  std::uint32_t block_elements;  ///< elements along K in a block
  std::uint32_t block_bytes;     ///< bytes of a block in the file
  PanelFormat panel;             ///< what kernels run it as
  /// `blocks` encoded blocks to floats, rounded as the `gguf` package does.
  void (*decode)(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  /// The reverse; null where encoding isn't offered.
  void (*encode)(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  /// Repacks `rows` (1 to 16) rows of `columns` elements (whole blocks), `row_bytes` apart in the
  /// file, into one panel; missing rows and columns become zeros. `panel` has
  /// `panel_bytes(format.panel, columns)` bytes.
  void (*pack)(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
               std::byte* panel) noexcept;
};

/// All formats, ordered by id.
std::span<const Format> formats();

/// The row of `id`, or null when the number stands for a format that sirocco can't read.
const Format* find_format(FormatId id);

/// The row with that name, ignoring case, or null.
const Format* find_format(std::string_view name);

/// Bytes of one row of `columns` elements. `columns` is a whole number of blocks.
constexpr std::size_t row_bytes(const Format& format, std::int64_t columns) {
  return static_cast<std::size_t>(columns) / format.block_elements * format.block_bytes;
}

}  // namespace sirocco
