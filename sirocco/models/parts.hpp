#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/concepts.hpp"

namespace sirocco {

// Erased handles, one a capability: shared, const, one virtual call a step. The blocks behind them
// are monomorphized.

/// An AnyEmbed is the token embedding of some model.
class AnyEmbed {
 public:
  template <class E>
    requires Embeds<E>
  explicit AnyEmbed(std::shared_ptr<const E> embed)
      : impl_(std::make_shared<Impl<E>>(std::move(embed))) {}

  /// The rows of the step, f32 [T, D]. Ids are valid; throws InvalidArgument when given rows are of
  /// another width.
  Hidden embed(const TokenBatch& batch, TransformContext& context) const {
    return impl_->embed(batch, context);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual Hidden embed(const TokenBatch&, TransformContext&) const = 0;
  };
  template <class E>
  struct Impl final : Interface {
    explicit Impl(std::shared_ptr<const E> e) : model(std::move(e)) {}
    Hidden embed(const TokenBatch& t, TransformContext& c) const override {
      return model->embed(t, c);
    }
    std::shared_ptr<const E> model;
  };
  std::shared_ptr<const Interface> impl_;
};

/// An AnyBlocks is a run of layers of some model; with the last layer, the final norm too.
class AnyBlocks {
 public:
  template <class B>
    requires Transforms<B>
  explicit AnyBlocks(std::shared_ptr<const B> blocks)
      : impl_(std::make_shared<Impl<B>>(std::move(blocks))) {}

  /// The rows behind the layers, [T, D]. The part with the last layer returns the normalized rows
  /// of the context's `outputs` only.
  Hidden transform(Hidden hidden, TransformContext& context) const {
    return impl_->transform(std::move(hidden), context);
  }
  const CacheLayout& cache_layout() const { return impl_->cache_layout(); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual Hidden transform(Hidden, TransformContext&) const = 0;
    virtual const CacheLayout& cache_layout() const = 0;
  };
  template <class B>
  struct Impl final : Interface {
    explicit Impl(std::shared_ptr<const B> b) : model(std::move(b)) {}
    Hidden transform(Hidden h, TransformContext& c) const override {
      return model->transform(std::move(h), c);
    }
    const CacheLayout& cache_layout() const override { return model->cache_layout(); }
    std::shared_ptr<const B> model;
  };
  std::shared_ptr<const Interface> impl_;
};

/// An AnyLmHead is the vocabulary head of some model.
class AnyLmHead {
 public:
  template <class L>
    requires HasLmHead<L>
  explicit AnyLmHead(std::shared_ptr<const L> head)
      : impl_(std::make_shared<Impl<L>>(std::move(head))) {}

  /// Scores of the vocabulary for the rows that the last layer kept: [R, D] to [R, V].
  Logits lm_head(const Hidden& hidden, TransformContext& context) const {
    return impl_->lm_head(hidden, context);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual Logits lm_head(const Hidden&, TransformContext&) const = 0;
  };
  template <class L>
  struct Impl final : Interface {
    explicit Impl(std::shared_ptr<const L> l) : model(std::move(l)) {}
    Logits lm_head(const Hidden& h, TransformContext& c) const override {
      return model->lm_head(h, c);
    }
    std::shared_ptr<const L> model;
  };
  std::shared_ptr<const Interface> impl_;
};

/// An AnyLmHeadShard is a part of the vocabulary head of some model, that of some of its tokens.
class AnyLmHeadShard {
 public:
  template <class L>
    requires HasLmHeadShard<L>
  explicit AnyLmHeadShard(std::shared_ptr<const L> shard)
      : impl_(std::make_shared<Impl<L>>(std::move(shard))) {}

  /// Scores of its tokens, in their order, for the rows that the last layer kept: [R, D] to
  /// [R, tokens]. The bits are those that the whole head gives them.
  LogitsShard lm_head_shard(const Hidden& hidden, TransformContext& context) const {
    return impl_->lm_head_shard(hidden, context);
  }
  VocabularyRange vocabulary_range() const { return impl_->vocabulary_range(); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual LogitsShard lm_head_shard(const Hidden&, TransformContext&) const = 0;
    virtual VocabularyRange vocabulary_range() const = 0;
  };
  template <class L>
  struct Impl final : Interface {
    explicit Impl(std::shared_ptr<const L> l) : model(std::move(l)) {}
    LogitsShard lm_head_shard(const Hidden& h, TransformContext& c) const override {
      return model->lm_head_shard(h, c);
    }
    VocabularyRange vocabulary_range() const override { return model->vocabulary_range(); }
    std::shared_ptr<const L> model;
  };
  std::shared_ptr<const Interface> impl_;
};

/// Parts are what one stage of a pipeline holds of a model. They can do what each of them can, and
/// nothing else compiles.
template <class... Ps>
struct Parts : Ps... {
  explicit Parts(Ps... parts) : Ps(std::move(parts))... {}
  template <class P>
  static constexpr bool holds = (std::same_as<P, Ps> || ...);
};

using Head = Parts<AnyEmbed, AnyBlocks>;
using Middle = Parts<AnyBlocks>;
using Tail = Parts<AnyBlocks, AnyLmHead>;
using Whole = Parts<AnyEmbed, AnyBlocks, AnyLmHead>;
// Of a model whose vocabulary head is shared out between both ends.
using ShardedHead = Parts<AnyEmbed, AnyBlocks, AnyLmHeadShard>;
using ShardedTail = Parts<AnyBlocks, AnyLmHeadShard>;

static_assert(EmbeddingModel<Head> && !HasLmHead<Head>);
static_assert(Transforms<Middle> && !Embeds<Middle> && !HasLmHead<Middle>);
static_assert(HasLmHead<Tail> && !Embeds<Tail>);
static_assert(TransformerModel<Whole>);
static_assert(EmbeddingModel<ShardedHead> && HasLmHeadShard<ShardedHead> &&
              !HasLmHead<ShardedHead>);
static_assert(HasLmHeadShard<ShardedTail> && !Embeds<ShardedTail> && !HasLmHead<ShardedTail>);
static_assert(!HasLmHeadShard<Head> && !HasLmHeadShard<Middle> && !HasLmHeadShard<Tail>);

}  // namespace sirocco
