#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/kernels/backend.hpp"
#include "sirocco/platform/memory.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

/// A weight matrix of the CPU backend: panels of 16 rows, one after another.
class PackedMatrix final : public WeightMatrix {
 public:
  /// Repacks `stored` on all threads; see Backend::pack.
  PackedMatrix(const StoredTensor& stored, std::span<const std::int32_t> source_rows,
               ThreadGroup& threads);

  std::size_t bytes() const override { return memory_.size(); }
  PanelFormat panel_format() const { return format().panel; }
  std::size_t panel_stride() const { return panel_stride_; }
  std::int64_t panels() const { return ceil_div<std::int64_t>(rows(), kPanelRows); }
  const std::byte* data() const { return memory_.data(); }

 private:
  std::size_t panel_stride_;
  Memory memory_;
};

}  // namespace sirocco
