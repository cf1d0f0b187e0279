#pragma once

#include <cstddef>
#include <cstdint>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/q8.hpp"

namespace sirocco {

inline std::byte* bytes_of(const Tensor& x) {
  return x.dtype() == DType::kU8 ? reinterpret_cast<std::byte*>(x.as<std::uint8_t>())
                                 : reinterpret_cast<std::byte*>(x.as<float>());
}

/// Bytes from a row to the next.
inline std::size_t row_stride(const Tensor& rows) {
  return static_cast<std::size_t>(rows.columns()) * dtype_bytes(rows.dtype());
}

/// The number of fine blocks that each row of Activations::fine has.
inline std::int64_t fine_blocks_of(const Tensor& fine) {
  return fine.columns() / static_cast<std::int64_t>(sizeof(FineBlock));
}

/// Where kernels write the forms that `out` has.
inline RowSink row_sink(const Out<Activations>& out) {
  RowSink rows{};
  if (out->f32) {
    rows.f32 = out->f32.as<float>();
    rows.f32_stride = out->f32.columns();
  }
  if (out->q8) {
    rows.q8 = bytes_of(out->q8);
    rows.q8_stride = row_stride(out->q8);
  }
  if (out->fine) {
    rows.fine = bytes_of(out->fine);
    rows.fine_stride = row_stride(out->fine);
    rows.fine_blocks = fine_blocks_of(out->fine);
  }
  return rows;
}

/// `rows` from row `row` and column `column` on, a multiple of 32.
inline RowSink from_block(const RowSink& rows, std::int64_t row, std::int64_t column) {
  RowSink rest = rows;
  if (rest.f32 != nullptr) rest.f32 += row * rows.f32_stride + column;
  if (rest.q8 != nullptr) {
    rest.q8 += static_cast<std::size_t>(row) * rows.q8_stride +
               static_cast<std::size_t>(column / kPanelBlock) * sizeof(Q8Block);
  }
  return rest;
}

}  // namespace sirocco
