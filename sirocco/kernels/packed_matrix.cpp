#include "sirocco/kernels/packed_matrix.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::size_t memory_bytes(const StoredTensor& stored, std::size_t panel_stride) {
  const auto panels = static_cast<std::size_t>(ceil_div<std::int64_t>(stored.shape[0], kPanelRows));
  const auto bytes = checked_mul(panels, panel_stride);
  if (!bytes)
    throw ResourceExhausted("tensor {} of shape {} is larger than this machine can address",
                            quoted(stored.name), stored.shape.to_string());
  return *bytes;
}

}  // namespace

PackedMatrix::PackedMatrix(const StoredTensor& stored, std::span<const std::int32_t> source_rows,
                           ThreadGroup& threads)
    : WeightMatrix(*stored.format, stored.shape[0],
                   stored.shape.rank() == 1 ? 1 : stored.shape.elements() / stored.shape[0]),
      panel_stride_(panel_bytes(panel_format(), columns())),
      memory_(memory_bytes(stored, panel_stride_)) {
  const std::size_t row_size = row_bytes(format(), columns());
  // A row of the matrix may be several of the tensor, where that has more than two axes.
  const std::int64_t parts = stored.made == nullptr ? 1 : stored.rows() / rows();
  SIROCCO_CHECK(stored.size_bytes() == row_size * static_cast<std::size_t>(rows()));
  SIROCCO_CHECK(stored.made == nullptr ? stored.bytes.size() == stored.size_bytes() : parts > 0);
  SIROCCO_CHECK(source_rows.empty() || std::ssize(source_rows) == rows());
  // Sixteen rows that don't lie one behind another are first brought together, one such place a
  // thread.
  const bool gather = !source_rows.empty() || stored.made != nullptr;
  std::vector<std::byte> gathered(
      gather ? static_cast<std::size_t>(threads.size()) * kPanelRows * row_size : 0);
  constexpr std::int64_t kStep = 4;
  threads.for_ranges(panels(), kStep, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const std::int64_t first = panel * kPanelRows;
      const auto count = static_cast<int>(std::min<std::int64_t>(kPanelRows, rows() - first));
      const std::byte* from =
          gather ? nullptr : stored.bytes.data() + static_cast<std::size_t>(first) * row_size;
      if (gather) {
        std::byte* place =
            gathered.data() + static_cast<std::size_t>(thread) * kPanelRows * row_size;
        for (int r = 0; r < count; ++r) {
          const std::int64_t row =
              source_rows.empty() ? first + r : source_rows[static_cast<std::size_t>(first + r)];
          std::byte* const into = place + static_cast<std::size_t>(r) * row_size;
          if (stored.made != nullptr) {
            stored.read_rows(row * parts, parts, into);
          } else {
            std::memcpy(into, stored.bytes.data() + static_cast<std::size_t>(row) * row_size,
                        row_size);
          }
        }
        from = place;
      }
      format().pack(from, row_size, count, columns(),
                    memory_.data() + static_cast<std::size_t>(panel) * panel_stride_);
    }
  });
}

}  // namespace sirocco
