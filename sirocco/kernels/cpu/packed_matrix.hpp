#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/kernels/backend.hpp"
#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/memory_pool.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

/// What packing works with.
struct Packing {
  ThreadGroup& threads;
  MemoryPool& memory;
  ByteLedger* ledger;          ///< when given, charged as long as the panels live
  const WeightSource* source;  ///< when given, told of large parts that have been read
};

/// Matrices of one format and shape as panels of 16 rows, one after another; each matrix begins
/// with a panel of its own. Copies share their memory.
class Panels {
 public:
  /// Repacks `matrices`, [N, K] each, on all threads; see Backend::pack. Throws ResourceExhausted.
  Panels(std::span<const StoredTensor> matrices, std::span<const std::int32_t> source_rows,
         const Packing& packing);

  /// Panels [first, first + count) of the first matrix, in the memory of all.
  Panels part(std::int64_t first, std::int64_t count) const;

  PanelFormat format() const { return format_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t stride() const { return stride_; }  ///< bytes of a panel
  std::int64_t count() const { return count_; }   ///< panels of a matrix
  const std::byte* data(std::int64_t matrix = 0) const {
    return data_ + static_cast<std::size_t>(matrix * count_) * stride_;
  }

 private:
  struct Storage {
    ByteLedger::Reservation charged;
    PooledMemory memory;
  };

  PanelFormat format_;
  std::size_t stride_;
  std::int64_t count_;
  std::size_t bytes_;
  std::shared_ptr<const Storage> storage_;
  const std::byte* data_;
};

/// A weight matrix of the CPU backend.
class PackedMatrix final : public WeightMatrix {
 public:
  PackedMatrix(const StoredTensor& stored, std::span<const std::int32_t> source_rows,
               const Packing& packing)
      : WeightMatrix(*stored.format,
                     source_rows.empty() ? stored.shape[0] : std::ssize(source_rows),
                     stored.shape.rank() == 1 ? 1 : stored.shape.elements() / stored.shape[0]),
        panels_({&stored, 1}, source_rows, packing) {}
  /// Rows [begin, end) of another one, in its memory; see Backend::rows_of.
  PackedMatrix(const PackedMatrix& whole, std::int64_t begin, std::int64_t end)
      : WeightMatrix(whole.format(), end - begin, whole.columns()),
        panels_(whole.panels_.part(begin / kPanelRows,
                                   ceil_div<std::int64_t>(end - begin, kPanelRows))) {}

  std::size_t bytes() const override { return panels_.bytes(); }
  const Panels& panels() const { return panels_; }

 private:
  Panels panels_;
};

/// A stack of them.
class PackedStack final : public WeightStack {
 public:
  PackedStack(std::span<const StoredTensor> matrices, std::span<const std::int32_t> source_rows,
              const Packing& packing)
      : WeightStack(*matrices.front().format, std::ssize(matrices),
                    source_rows.empty() ? matrices.front().shape[0] : std::ssize(source_rows),
                    matrices.front().shape[1]),
        panels_(matrices, source_rows, packing) {}

  std::size_t bytes() const override { return panels_.bytes(); }
  const Panels& panels() const { return panels_; }

 private:
  Panels panels_;
};

}  // namespace sirocco
