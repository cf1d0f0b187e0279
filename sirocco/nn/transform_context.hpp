#pragma once

#include <utility>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/kernels/backend.hpp"
#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/tensor/arena.hpp"

namespace sirocco {

class Linear;
class Rotary;
class StackLinear;

/// The pool of one cache group in a step.
struct CacheGroupView {
  std::byte* pool = nullptr;
  std::vector<std::int32_t>
      block_table;  ///< [S, blocks_a_sequence] row by row; -1 where none is held
  std::int32_t blocks_a_sequence = 0;
};

/// The caches of one step: a view a group of the layout.
struct CacheViews {
  const CacheLayout* layout = nullptr;
  KvType type = KvType::kF16;
  std::int32_t block_positions = 0;
  std::vector<CacheGroupView> groups;
};

/// Memory of the steps of one stage, kept from step to step so that a step like one before it
/// allocates nothing.
struct StepMemory {
  Arena held;     ///< lives for the step: hidden states, rotary tables, row numbers
  Arena scratch;  ///< lives for a scope in a layer

 private:
  friend class TransformContext;
  std::vector<std::int32_t> positions_;
  std::vector<std::int32_t> rotary_positions_;
  std::vector<std::int32_t> key_lengths_;
  std::vector<std::int32_t> row_begin_;
  std::vector<std::int32_t> visible_ends_;
  std::vector<std::int32_t> integers_;
  std::vector<Tensor> block_tables_;
  std::vector<std::pair<const Rotary*, Tensor>> rotary_tables_;
};

/// Everything mutable that a stateless model needs for one step: the backend (with its threads),
/// scratch memory, cache views and the rows. Lives for one step; Hidden and Logits are leases on it
/// and end before it.
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
  Arena& held() { return memory_.held; }
  Arena& scratch() { return memory_.scratch; }
  std::int64_t rows() const { return positions_.rows(); }
  BatchTensors batch() const { return {positions_, row_begin_, visible_ends_}; }
  const StepRows& host_rows() const { return rows_; }
  /// i32 [S]: how many positions an encoder wrote of each sequence; empty where none did.
  const Tensor& key_lengths() const { return key_lengths_; }
  /// An empty list for integers on their way to the backend, until the next call. Its memory stays.
  std::vector<std::int32_t>& host_integers() {
    memory_.integers_.clear();
    return memory_.integers_;
  }
  const Tensor& outputs() const { return outputs_; }  ///< i32 [R]: rows whose results are wanted
  bool wants_all_rows() const { return outputs_.rows() == rows(); }

  KvCacheView cache(LayerIndex layer) const;

  /// f32 [T, R]: cosines and sines of where the rows of this step are put. Computed at the first
  /// call, kept for the step. Throws InvalidArgument for an encoding with sections of more axes
  /// than the rows have, unless they have one, which stands for all.
  Tensor rotary_table(const Rotary& rotary);

 private:
  friend class Lease;
  friend class Linear;
  friend class StackLinear;

  Products& products() const { return backend_; }

  Backend& backend_;
  StepMemory& memory_;
  const StepRows& rows_;
  const CacheViews& caches_;
  Tensor positions_;
  Tensor rotary_positions_;  // i32 [T, axes]
  Tensor row_begin_;
  Tensor visible_ends_;
  Tensor key_lengths_;
  Tensor outputs_;
  int leases_ = 0;
};

/// A hold on a context that the context's end checks for: what makes Hidden and Logits unable to
/// outlive their step.
class Lease {
 public:
  explicit Lease(TransformContext& context) : context_(&context) { ++context.leases_; }
  Lease(Lease&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
  }
  ~Lease() {
    if (context_ != nullptr) --context_->leases_;
  }

 private:
  TransformContext* context_;
};

/// Hidden states between the parts of a model, a row a token (or, behind the last block, a row an
/// output). Opaque to pipelines but for sending it on as floats.
class Hidden {
 public:
  Hidden(TransformContext& context, Activations activations)
      : lease_(context), activations_(activations) {}
  const Tensor& values() const { return activations_.f32; }  ///< f32 [T, D]
  const Activations& activations() const { return activations_; }

 private:
  Lease lease_;
  Activations activations_;
};

/// Scores of the vocabulary, a row an output: f32 [R, V].
class Logits {
 public:
  Logits(TransformContext& context, Tensor values) : lease_(context), values_(values) {}
  const Tensor& values() const { return values_; }

 private:
  Lease lease_;
  Tensor values_;
};

}  // namespace sirocco
