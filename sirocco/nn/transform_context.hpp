#pragma once

#include <span>
#include <utility>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/kernels/backend.hpp"
#include "sirocco/nn/cache.hpp"
#include "sirocco/tensor/arena.hpp"

namespace sirocco {

class Linear;
class Rotary;
class StackLinear;

/// The tokens of one step, a row each. The rest of what is known of a row (position, sequence,
/// cache) is in the context, which every stage gets.
class TokenBatch {
 public:
  explicit TokenBatch(std::span<const TokenId> tokens) : tokens_(tokens) {}
  std::span<const TokenId> tokens() const { return tokens_; }

 private:
  std::span<const TokenId> tokens_;
};

/// Positions of a sequence whose rows see each other, as those of an image do, besides what came
/// before: [first, end).
struct MutualSpan {
  Position first;
  Position end;
};

/// One sequence's part of a step: rows at consecutive positions, at least one. Rows that see each
/// other are never cut, so that their span lies in one step.
class SequenceRows {
 public:
  /// `first` is the position of the first row. Throws InvalidArgument unless every span has a
  /// position, ends before the next one begins or where it does, and lies within the rows.
  SequenceRows(SequenceId sequence, Position first, int rows, std::vector<MutualSpan> spans = {});

  SequenceId sequence() const { return sequence_; }
  Position first() const { return first_; }
  int rows() const { return rows_; }
  const std::vector<MutualSpan>& spans() const { return spans_; }

 private:
  SequenceId sequence_;
  Position first_;
  int rows_;
  std::vector<MutualSpan> spans_;
};

/// The rows of one step on the host: sequences one after another, and the rows whose results are
/// wanted.
struct StepRows {
  std::vector<SequenceRows> sequences;
  std::vector<std::int32_t> outputs;  ///< ascending row numbers
  std::int64_t rows() const;
};

/// The pool of one cache group in a step.
struct CacheGroupView {
  std::byte* pool = nullptr;
  std::vector<std::int32_t>
      block_table;  ///< [S, blocks_a_sequence] row by row; -1 where none is held
  int blocks_a_sequence = 0;
};

/// The caches of one step: a view a group of the layout.
struct CacheViews {
  const CacheLayout* layout = nullptr;
  KvType type = KvType::kF16;
  int block_positions = 0;
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
  /// Borrows all of its arguments until it ends; resets `memory` then.
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
  /// An empty list for integers on their way to the backend, until the next call. Its memory stays.
  std::vector<std::int32_t>& host_integers() {
    memory_.integers_.clear();
    return memory_.integers_;
  }
  const Tensor& outputs() const { return outputs_; }  ///< i32 [R]: rows whose results are wanted
  bool wants_all_rows() const { return outputs_.rows() == rows(); }

  KvCacheView cache(LayerIndex layer) const;

  /// f32 [T, R]: cosines and sines of this step's positions. Computed at the first call, kept for
  /// the step.
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
  Tensor row_begin_;
  Tensor visible_ends_;
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
