#pragma once

#include <concepts>
#include <cstdint>
#include <utility>
#include <vector>

#include "sirocco/models/parts.hpp"
#include "sirocco/nn/concepts.hpp"

namespace sirocco {

/// Hidden states on their way from one stage to the next: plain floats, f32 [rows, width], owned.
struct SentHidden {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  std::vector<float> values;
  std::uint64_t bytes() const { return values.size() * sizeof(float); }
};

/// Takes hidden states out of the step that made them. `out` keeps its memory from step to step.
void send(const Hidden& hidden, TransformContext& context, SentHidden& out);

/// Brings them into the step of the next stage.
Hidden receive(const SentHidden& sent, TransformContext& context);
/// The same of rows that the last layer kept, those in the step's `outputs`.
Hidden receive_outputs(const SentHidden& sent, TransformContext& context);

/// One stage of a pipeline: the parts of a model that it holds, and the one thing that can be done
/// with them. What goes in and what comes out follows from the role:
/// Head: TokenBatch to Hidden · Middle: Hidden to Hidden · Tail: Hidden to Logits · Whole:
/// TokenBatch to Logits. Ends that share the vocabulary's head out have besides, each for its part,
/// Hidden of the last layer to LogitsShard; a ShardedTail runs Hidden to Hidden.
template <Transforms Role>
class Stage {
 public:
  explicit Stage(Role parts) : parts_(std::move(parts)) {}

  const Role& parts() const { return parts_; }
  const CacheLayout& cache_layout() const { return parts_.cache_layout(); }

  Hidden run(const TokenBatch& tokens, TransformContext& context) const
    requires(Embeds<Role> && !HasLmHead<Role>)
  {
    return parts_.transform(parts_.embed(tokens, context), context);
  }
  Hidden run(Hidden hidden, TransformContext& context) const
    requires(!Embeds<Role> && !HasLmHead<Role>)
  {
    return parts_.transform(std::move(hidden), context);
  }
  Logits run(Hidden hidden, TransformContext& context) const
    requires(!Embeds<Role> && HasLmHead<Role>)
  {
    return parts_.lm_head(parts_.transform(std::move(hidden), context), context);
  }
  Logits run(const TokenBatch& tokens, TransformContext& context) const
    requires(Embeds<Role> && HasLmHead<Role>)
  {
    return parts_.lm_head(parts_.transform(parts_.embed(tokens, context), context), context);
  }
  /// Of the rows that the last layer kept, [R, D].
  LogitsShard lm_head_shard(const Hidden& outputs, TransformContext& context) const
    requires HasLmHeadShard<Role>
  {
    return parts_.lm_head_shard(outputs, context);
  }
  /// The tokens of that part.
  VocabularyRange vocabulary_range() const
    requires HasLmHeadShard<Role>
  {
    return parts_.vocabulary_range();
  }

 private:
  Role parts_;
};

template <class S, class In, class Out>
concept Maps = requires(const S& s, In in, TransformContext& c) {
  { s.run(std::move(in), c) } -> std::same_as<Out>;
};

static_assert(Maps<Stage<Head>, TokenBatch, Hidden> && !Maps<Stage<Head>, Hidden, Hidden>);
static_assert(Maps<Stage<Middle>, Hidden, Hidden> && !Maps<Stage<Middle>, TokenBatch, Hidden>);
static_assert(Maps<Stage<Tail>, Hidden, Logits> && !Maps<Stage<Tail>, TokenBatch, Logits>);
static_assert(Maps<Stage<Whole>, TokenBatch, Logits> && !Maps<Stage<Whole>, Hidden, Logits>);
static_assert(!Maps<Stage<Middle>, Logits, Hidden> && !Maps<Stage<Tail>, Logits, Logits>);
static_assert(Maps<Stage<ShardedHead>, TokenBatch, Hidden> &&
              Maps<Stage<ShardedTail>, Hidden, Hidden> &&
              !Maps<Stage<ShardedTail>, Hidden, Logits>);
static_assert(HasLmHeadShard<Stage<ShardedHead>> && HasLmHeadShard<Stage<ShardedTail>>);
static_assert(!HasLmHeadShard<Stage<Head>> && !HasLmHeadShard<Stage<Middle>> &&
              !HasLmHeadShard<Stage<Tail>> && !HasLmHeadShard<Stage<Whole>>);
static_assert(!std::convertible_to<LogitsShard, Logits>);

}  // namespace sirocco
