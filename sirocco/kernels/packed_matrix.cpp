#include "sirocco/kernels/packed_matrix.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::size_t columns_of(const StoredTensor& stored) {
  return stored.shape.rank() == 1
             ? 1
             : static_cast<std::size_t>(stored.shape.elements() / stored.shape[0]);
}

std::size_t memory_bytes(std::span<const StoredTensor> matrices, std::int64_t panels,
                         std::size_t stride) {
  const auto count = checked_mul(matrices.size(), static_cast<std::size_t>(panels));
  const auto bytes = count ? checked_mul(*count, stride) : std::nullopt;
  if (!bytes)
    throw ResourceExhausted("tensor {} of shape {} is larger than this machine can address",
                            quoted(matrices.front().name), matrices.front().shape.to_string());
  return *bytes;
}

}  // namespace

Panels::Panels(std::span<const StoredTensor> matrices, std::span<const std::int32_t> source_rows,
               ThreadGroup& threads, ByteLedger* ledger)
    : format_(matrices.front().format->panel),
      stride_(panel_bytes(format_, static_cast<std::int64_t>(columns_of(matrices.front())))),
      count_(ceil_div<std::int64_t>(
          source_rows.empty() ? matrices.front().shape[0] : std::ssize(source_rows), kPanelRows)),
      charged_(ledger == nullptr
                   ? ByteLedger::Reservation()
                   : ledger->reserve(memory_bytes(matrices, count_, stride_), "weights")),
      memory_(memory_bytes(matrices, count_, stride_)) {
  const StoredTensor& first = matrices.front();
  const Format& format = *first.format;
  const auto columns = static_cast<std::int64_t>(columns_of(first));
  const std::size_t row_size = row_bytes(format, columns);
  const std::int64_t rows = source_rows.empty() ? first.shape[0] : std::ssize(source_rows);
  // Sixteen rows that don't lie one behind another are first brought together, one such place a
  // thread.
  bool gather = !source_rows.empty();
  for (const StoredTensor& m : matrices) {
    SIROCCO_CHECK(m.format == first.format && m.shape == first.shape);
    SIROCCO_CHECK(m.size_bytes() == row_size * static_cast<std::size_t>(m.shape[0]));
    SIROCCO_CHECK(m.made != nullptr || m.bytes.size() == m.size_bytes());
    gather = gather || m.made != nullptr;
  }
  std::vector<std::byte> gathered(
      gather ? static_cast<std::size_t>(threads.size()) * kPanelRows * row_size : 0);
  constexpr std::int64_t kStep = 4;
  const std::int64_t all = count_ * std::ssize(matrices);
  threads.for_ranges(all, kStep, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const StoredTensor& stored = matrices[static_cast<std::size_t>(panel / count_)];
      // A row of the matrix may be several of the tensor, where that has more than two axes.
      const std::int64_t parts = stored.made == nullptr ? 1 : stored.rows() / stored.shape[0];
      const std::int64_t top = panel % count_ * kPanelRows;
      const auto count = static_cast<int>(std::min<std::int64_t>(kPanelRows, rows - top));
      const std::byte* from =
          gather ? nullptr : stored.bytes.data() + static_cast<std::size_t>(top) * row_size;
      if (gather) {
        std::byte* place =
            gathered.data() + static_cast<std::size_t>(thread) * kPanelRows * row_size;
        for (int r = 0; r < count; ++r) {
          const std::int64_t row =
              source_rows.empty() ? top + r : source_rows[static_cast<std::size_t>(top + r)];
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
      format.pack(from, row_size, count, columns,
                  memory_.data() + static_cast<std::size_t>(panel) * stride_);
    }
  });
}

}  // namespace sirocco
