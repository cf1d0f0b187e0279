#pragma once

#include <span>
#include <utility>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/kernels/backend.hpp"
#include "sirocco/nn/cache_views.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/tensor/arena.hpp"

namespace sirocco {

class Lease;
class Linear;
class Rotary;
class StackLinear;

/// A StepMemory is the memory of the steps of one stage, kept from step to step so that a step like
/// one before it allocates nothing.
struct StepMemory {
  /// `ledger`, when given, counts what it holds, and outlives it.
  explicit StepMemory(ByteLedger* ledger = nullptr) : held(ledger), scratch(ledger) {}

  Arena held;     ///< lives for the step: hidden states, rotary tables, row numbers
  Arena scratch;  ///< lives for a scope in a layer

 private:
  struct Added {
    LayerIndex layer;
    std::int64_t first;  // row
    Tensor values;
    std::int64_t column;
  };
  friend class TransformContext;
  std::vector<std::int32_t> positions_;
  std::vector<std::int32_t> rotary_positions_;
  std::vector<std::int32_t> key_lengths_;
  std::vector<std::int32_t> row_begin_;
  std::vector<std::int32_t> window_positions_;
  std::vector<std::int32_t> window_begin_;
  std::vector<std::int32_t> visible_ends_;
  std::vector<std::int32_t> integers_;
  std::vector<Tensor> block_tables_;
  std::vector<std::pair<const Rotary*, Tensor>> rotary_tables_;
  std::vector<Added> added_;
};

/// A TransformContext is everything mutable that a stateless model needs for one step: the backend
/// (with its threads), scratch memory, cache views and the rows. Lives for one step; Hidden and
/// Logits are leases on it and end before it.
class TransformContext {
 public:
  /// Borrows all of its arguments until it ends; resets `memory` then. Throws InvalidArgument where
  /// sequences differ in the axes of their rotary positions, or only some have an encoder's keys.
  TransformContext(Backend& backend, StepMemory& memory, const StepRows& rows,
                   const CacheViews& caches);
  ~TransformContext();
  TransformContext(const TransformContext&) = delete;
  TransformContext& operator=(const TransformContext&) = delete;

  Ops& ops() const { return backend_; }
  PictureOps& picture_ops() const { return backend_.picture_ops(); }
  Arena& held() { return memory_.held; }
  Arena& scratch() { return memory_.scratch; }
  std::int64_t rows() const { return positions_.rows(); }
  BatchTensors batch() const { return {positions_, row_begin_, visible_ends_}; }
  /// The same with the windows that rows are in, in place of sequences, at positions in these.
  BatchTensors windows() const { return {window_positions_, window_begin_}; }
  const StepRows& host_rows() const { return rows_; }
  /// The rows before each sequence, or each of those windows, and all.
  std::span<const std::int32_t> host_row_begin() const { return memory_.row_begin_; }
  std::span<const std::int32_t> host_window_begin() const { return memory_.window_begin_; }
  /// i32 [S]: how many positions rows see of each sequence (SequenceRows::key_length); empty where
  /// that goes by the rows.
  const Tensor& key_lengths() const { return key_lengths_; }
  /// An empty list for integers on their way to the backend, until the next call. Its memory stays.
  std::vector<std::int32_t>& host_integers() {
    memory_.integers_.clear();
    return memory_.integers_;
  }
  const Tensor& outputs() const { return outputs_; }  ///< i32 [R]: rows whose results are wanted

  KvCacheView cache(LayerIndex layer) const;

  /// f32 [T, 2P]: cosines and sines of where the rows of this step are put. Computed at the first
  /// call, kept for the step. Throws InvalidArgument for an encoding with sections of more axes
  /// than the rows have, unless they have one, which stands for all.
  Tensor rotary_table(const Rotary& rotary);

  /// Has rows added behind a layer to those from `first` on: columns of `values` from `column` on,
  /// as many as the residual stream has. `values`, f32 [R, columns], live as long as the step.
  void add_later(LayerIndex layer, std::int64_t first, const Tensor& values, std::int64_t column) {
    memory_.added_.push_back({layer, first, values, column});
  }
  /// Adds what is to be added behind that layer to x, f32 [T, D], the residual stream.
  void add_behind(LayerIndex layer, const Tensor& x);

 private:
  friend class Lease;
  friend class Linear;
  friend class StackLinear;

  Products& products() const { return backend_; }
  PictureProducts& picture_products() const { return backend_.picture_products(); }

  Backend& backend_;
  StepMemory& memory_;
  const StepRows& rows_;
  const CacheViews& caches_;
  Tensor positions_;
  Tensor rotary_positions_;  // i32 [T, axes]
  Tensor row_begin_;
  Tensor window_positions_;
  Tensor window_begin_;
  Tensor visible_ends_;
  Tensor key_lengths_;
  Tensor outputs_;
  int leases_ = 0;
};

}  // namespace sirocco
