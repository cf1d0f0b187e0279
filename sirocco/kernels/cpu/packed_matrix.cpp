#include "sirocco/kernels/cpu/packed_matrix.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{2} << 20;  // of a file, packed in one step

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

void prefetch(const std::byte* begin, std::size_t bytes) {
  constexpr std::size_t kLine = 64;
  for (std::size_t at = 0; at < bytes; at += kLine) __builtin_prefetch(begin + at);
}

/// Rows [top, top + count) of the result, of `row_size` bytes each, one behind another.
void gather_rows(const StoredTensor& stored, std::span<const std::int32_t> source_rows,
                 std::int64_t top, int count, std::size_t row_size, std::byte* out) {
  // A row of the matrix may be several of the tensor, where that has more than two axes.
  const std::int64_t parts = stored.made == nullptr ? 1 : stored.rows() / stored.shape[0];
  for (int r = 0; r < count; ++r, out += row_size) {
    const std::int64_t row =
        source_rows.empty() ? top + r : source_rows[static_cast<std::size_t>(top + r)];
    if (stored.made != nullptr) {
      stored.read_rows(row * parts, parts, out);
    } else {
      std::memcpy(out, stored.bytes.data() + static_cast<std::size_t>(row) * row_size, row_size);
    }
  }
}

}  // namespace

Panels::Panels(std::span<const StoredTensor> matrices, std::span<const std::int32_t> source_rows,
               const Packing& packing)
    : format_(matrices.front().format->panel),
      stride_(panel_bytes(format_, static_cast<std::int64_t>(columns_of(matrices.front())))),
      count_(ceil_div<std::int64_t>(
          source_rows.empty() ? matrices.front().shape[0] : std::ssize(source_rows), kPanelRows)),
      bytes_(memory_bytes(matrices, count_, stride_)) {
  const auto storage = std::make_shared<Storage>();
  if (packing.ledger != nullptr) storage->charged = packing.ledger->reserve(bytes_, "weights");
  storage->memory = packing.memory.take(bytes_);
  storage_ = storage;
  data_ = storage->memory.data();
  const StoredTensor& first = matrices.front();
  const Format& format = *first.format;
  const auto columns = static_cast<std::int64_t>(columns_of(first));
  const std::size_t row_size = row_bytes(format, columns);
  const std::int64_t rows = source_rows.empty() ? first.shape[0] : std::ssize(source_rows);
  bool gather = !source_rows.empty();
  for (const StoredTensor& m : matrices) {
    SIROCCO_CHECK(m.format == first.format && m.shape == first.shape);
    SIROCCO_CHECK(m.size_bytes() == row_size * static_cast<std::size_t>(m.shape[0]));
    SIROCCO_CHECK(m.made != nullptr || m.bytes.size() == m.size_bytes());
    gather = gather || m.made != nullptr;
  }
  ThreadGroup& threads = packing.threads;
  const std::size_t source_bytes = kPanelRows * row_size;  // of a panel
  // Rows that don't lie one behind another are first brought together, one such place a thread.
  std::vector<std::byte> gathered(gather ? static_cast<std::size_t>(threads.size()) * source_bytes
                                         : 0);
  // Small steps balance small matrices; of large ones each is worth a call to release it.
  const std::int64_t all = count_ * std::ssize(matrices);
  const std::int64_t step =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(kPieceBytes / source_bytes), 1,
                               std::max<std::int64_t>(1, all / (8 * threads.size())));
  const bool release = packing.source != nullptr && source_rows.empty() &&
                       static_cast<std::size_t>(step) * source_bytes >= kPieceBytes / 2;
  threads.for_ranges(all, step, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const StoredTensor& stored = matrices[static_cast<std::size_t>(panel / count_)];
      const std::int64_t top = panel % count_ * kPanelRows;
      const auto count = static_cast<int>(std::min<std::int64_t>(kPanelRows, rows - top));
      const std::byte* from;
      if (gather) {
        std::byte* const place = gathered.data() + static_cast<std::size_t>(thread) * source_bytes;
        gather_rows(stored, source_rows, top, count, row_size, place);
        from = place;
      } else {
        from = stored.bytes.data() + static_cast<std::size_t>(top) * row_size;
        // Sixteen rows at once are more streams than processors foresee.
        if (panel + 1 < end && top + 2 * kPanelRows <= rows)
          prefetch(from + source_bytes, source_bytes);
      }
      format.pack(from, row_size, count, columns,
                  storage->memory.data() + static_cast<std::size_t>(panel) * stride_);
    }
    while (release && begin < end) {
      const std::int64_t here = std::min(count_ - begin % count_, end - begin);
      const std::int64_t top = begin % count_ * kPanelRows;
      const StoredTensor& stored = matrices[static_cast<std::size_t>(begin / count_)];
      packing.source->release(stored.members(top, std::min(here * kPanelRows, rows - top)));
      begin += here;
    }
  });
}

Panels Panels::part(std::int64_t first, std::int64_t count) const {
  SIROCCO_CHECK(first >= 0 && count >= 0 && first + count <= count_);
  Panels out = *this;
  out.count_ = count;
  out.bytes_ = static_cast<std::size_t>(count) * stride_;
  out.data_ += static_cast<std::size_t>(first) * stride_;
  return out;
}

}  // namespace sirocco
