#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/packed_matrix.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

/// Cuts matrix products into ranges of tokens and, of those, ranges of panels, and runs them on a
/// thread group: each thread streams one contiguous range of panels and reads it once. Each
/// function is the op of Backend that has its name.
class LinearRunner {
 public:
  LinearRunner(const CpuKernels& kernels, ThreadGroup& threads);

  void linear(const Activations& input, std::span<const LinearTarget> targets);
  void gated_linear(const Activations& input, const GatedTarget& target);
  void expert_linear(const Activations& input, const Tensor& begin,
                     std::span<const StackTarget> targets);
  void gated_expert_linear(const Activations& input, const Tensor& begin,
                           const GatedStackTarget& target);
  void head_linear(const Activations& input, const StackTarget& target, std::int64_t first_column);

 private:
  /// One matrix by a range of tokens; a part is a panel.
  struct Product {
    LinearTask task;
    LinearKernel kernel;
    std::int64_t token_begin;
    std::int64_t token_end;
    std::int64_t panels;
    std::int64_t max_tile_panels;  ///< of a tile of the kernel

    std::int64_t parts() const { return panels; }
    std::int64_t min_step_parts() const { return max_tile_panels; }
    std::size_t part_bytes() const { return task.panel_stride; }
  };

  /// Two matrices by a range of tokens, and what becomes of both; a part is as many panels of each
  /// as a block of quantized activations has columns.
  struct GatedProduct {
    Product gate;
    Product up;
    RowSink out;

    static constexpr std::int64_t kPanels = kPanelBlock / kPanelRows;
    std::int64_t parts() const { return (gate.panels + kPanels - 1) / kPanels; }
    std::int64_t min_step_parts() const { return 1; }
    std::size_t part_bytes() const {
      return kPanels * (gate.task.panel_stride + up.task.panel_stride);
    }
  };

  /// Products that wait to be run, their parts numbered through.
  template <class Item>
  struct Queue {
    std::vector<Item> items;
    std::vector<std::int64_t> ends;  // by item, the number of parts up to its last
    std::size_t max_part_bytes = 1;
    std::int64_t min_step_parts = 1;  // that a step should have

    /// Empty, with room for so many items: where their number hangs on how tokens choose experts,
    /// steps of one size allocate once.
    void clear(std::size_t room = 0) {
      items.clear();
      ends.clear();
      items.reserve(room);
      ends.reserve(room);
      max_part_bytes = 1;
      min_step_parts = 1;
    }
    void push(const Item& item) {
      items.push_back(item);
      ends.push_back(parts() + item.parts());
      max_part_bytes = std::max(max_part_bytes, item.part_bytes());
      min_step_parts = std::max(min_step_parts, item.min_step_parts());
    }
    std::int64_t parts() const { return ends.empty() ? 0 : ends.back(); }
  };

  template <class Weight>
  Product product(const Weight& weight, std::int64_t matrix, const Activations& input,
                  const Tensor& bias) const;
  template <class Weight>
  GatedProduct gated_product(const GatedPair<Weight>& target, std::int64_t matrix,
                             const Activations& input) const;
  template <class Item, class Run>
  void share_out(const Queue<Item>& queue, Run run);
  void run_products();
  void run_gated(GateActivation activation);
  void run_gated_parts(const GatedProduct& product, std::int64_t begin, std::int64_t end,
                       GateActivation activation, float* scratch) const;

  const CpuKernels& kernels_;
  ThreadGroup& threads_;
  Queue<Product> products_;
  Queue<GatedProduct> gated_;
  std::vector<float> scratch_;  // gates and ups of a few tokens, a place a thread
};

}  // namespace sirocco
