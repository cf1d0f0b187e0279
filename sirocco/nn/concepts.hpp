#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include "sirocco/nn/step_results.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/nn/transform_context.hpp"
#include "sirocco/nn/vocabulary_range.hpp"

namespace sirocco {

// What a model, or a part of one, can do. A role of a pipeline stage is the set of parts that it
// holds; the concepts hold of it by construction (models/parts.hpp).

template <class M>
concept Embeds = requires(const M& m, const TokenBatch& t, TransformContext& c) {
  { m.embed(t, c) } -> std::same_as<Hidden>;
};

template <class M>
concept Transforms = requires(const M& m, Hidden h, TransformContext& c) {
  { m.transform(std::move(h), c) } -> std::same_as<Hidden>;
};

template <class M>
concept HasLmHead = requires(const M& m, const Hidden& h, TransformContext& c) {
  { m.lm_head(h, c) } -> std::same_as<Logits>;
};

/// A model HasLmHeadShard when it scores some tokens of the vocabulary and not the others. It has
/// no lm_head by that.
template <class M>
concept HasLmHeadShard = requires(const M& m, const Hidden& h, TransformContext& c) {
  { m.lm_head_shard(h, c) } -> std::same_as<LogitsShard>;
  { m.vocabulary_range() } -> std::same_as<VocabularyRange>;
};

/// A model Encodes what isn't text: rows of a picture or of sound in, f32 [P, K], and rows for
/// another model out.
template <class M>
concept Encodes = requires(const M& m, const Tensor& patches, TransformContext& c) {
  { m.encode(patches, c) } -> std::same_as<Hidden>;
};

/// An EmbeddingModel is what an embedding pipeline may use; a model may have more.
template <class M>
concept EmbeddingModel = Embeds<M> && Transforms<M>;

template <class M>
concept TransformerModel = EmbeddingModel<M> && HasLmHead<M>;

/// A model EncodesByLayers when it can stop behind any of its layers, and go on in another step.
template <class M>
concept EncodesByLayers = Encodes<M> && requires(const M& m, const Tensor& patches, Hidden h,
                                                 LayerIndex layer, TransformContext& c) {
  { m.embed(patches, c) } -> std::same_as<Hidden>;
  { m.transform(std::move(h), layer, layer, c) } -> std::same_as<Hidden>;
  { m.project(std::move(h), c) } -> std::same_as<Hidden>;
};

// The ingredients of a block. All are immutable; everything mutable arrives in the context.

/// A Norm makes normalized rows of rows, in the forms that its consumers asked for at construction.
/// f32 [T, D] both.
template <class N>
concept Norm = requires(const N& n, const Tensor& x, TransformContext& c) {
  { n.forward(x, c) } -> std::same_as<Activations>;
};

/// A Mixer mixes the rows of a sequence with one another; what it remembers between steps is in the
/// layer's cache. [T, D] both.
template <class A>
concept Mixer = requires(const A& a, Activations x, LayerIndex layer, TransformContext& c) {
  { a.mix(x, layer, c) } -> std::same_as<Tensor>;
  { a.cache_need() } -> std::same_as<CacheNeed>;
};

/// An Attention is a mixer that scores every row against cached keys.
template <class A>
concept Attention = Mixer<A> && requires(const A& a, Activations x, const typename A::Mask& mask,
                                         const KvCacheView& cache, const Tensor& positions,
                                         TransformContext& metadata) {
  { a.forward(x, mask, cache, positions, metadata) } -> std::same_as<Tensor>;
  { a.has_paged_attn() } -> std::same_as<bool>;
};

/// A FeedForward works on each row by itself. [T, D] both.
template <class F>
concept FeedForward = requires(const F& f, Activations x, TransformContext& c) {
  { f.forward(x, c) } -> std::same_as<Tensor>;
};

/// A Projector makes rows for a language model of an encoder's, f32 [T, K] to [R, D]: sequence by
/// sequence, whose grids are in the context. `projected` says what becomes of a grid.
template <class P>
concept Projector = requires(const P& p, const Tensor& x, PatchGrid grid, TransformContext& c) {
  { p.forward(x, c) } -> std::same_as<Tensor>;
  { p.projected(grid) } -> std::same_as<PatchGrid>;
  { p.outputs() } -> std::same_as<std::int64_t>;
};

/// A RowProjector makes rows for a language model of those of a sound, f32 [T, K] to [R, D]:
/// sequence by sequence. `projected` says how many become of so many of a sequence.
template <class P>
concept RowProjector =
    requires(const P& p, const Tensor& x, std::int64_t rows, TransformContext& c) {
      { p.forward(x, c) } -> std::same_as<Tensor>;
      { p.projected(rows) } -> std::same_as<std::int64_t>;
      { p.outputs() } -> std::same_as<std::int64_t>;
    };

}  // namespace sirocco
