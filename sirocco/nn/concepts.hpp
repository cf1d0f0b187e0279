#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/nn/picture_stream.hpp"
#include "sirocco/nn/step_results.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/nn/transform_context.hpp"
#include "sirocco/nn/vocabulary_range.hpp"

namespace sirocco {

class LayerMemory;
struct DenoisingCondition;
struct EncoderStream;
struct JointStream;

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

/// A model Encodes what isn't text: rows of a picture or of sound in, and rows for another model
/// out. Everything is done to some rows of a sequence (SequenceRows::part, the context's) at a time
/// and leaves its results in the sequence's stream, so that it can stop at any row and go on in
/// another step: embed makes rows of the stream, remember the keys and values of a layer, and
/// forward, once all rows are remembered, what is behind that layer. project makes rows for the
/// other model of a stream that is behind all layers. The bits are those of any other cut.
template <class M>
concept Encodes = requires(const M& m, std::span<const float> inputs, EncoderStream& stream,
                           LayerIndex layer, RowRange made, TransformContext& c) {
  { m.embed(inputs, stream, c) } -> std::same_as<void>;
  { m.remember(stream, layer, c) } -> std::same_as<void>;
  { m.forward(stream, layer, c) } -> std::same_as<void>;
  { m.project(stream, made, c) } -> std::same_as<Hidden>;
};

/// A model EncodesText when it makes rows of tokens for another model, such as one that draws:
/// those that the context's `outputs` name, f32 [R, D], of sequences that are whole in the step.
template <class M>
concept EncodesText = requires(const M& m, const TokenBatch& t, TransformContext& c) {
  { m.encode(t, c) } -> std::same_as<Hidden>;
};

/// An EmbeddingModel is what an embedding pipeline may use; a model may have more.
template <class M>
concept EmbeddingModel = Embeds<M> && Transforms<M>;

template <class M>
concept TransformerModel = EmbeddingModel<M> && HasLmHead<M>;

/// A model Denoises when it tells which way latents go that are partly noise, as rows of a text and
/// of a picture that see each other. Everything is done to some of these rows (the context's) at a
/// time and leaves its results in their stream, so that it can stop at any row and go on in another
/// step: condition, once a step, and modulate, once a layer, prepare what holds for all rows; embed
/// makes rows of the stream of a text, f32 [T, text width], and of a picture's latents, f32 [N,
/// inputs]; remember and forward are as for a model that Encodes; project makes rows `made` of the
/// picture's velocities. The bits are those of any other cut.
template <class M>
concept Denoises =
    requires(const M& m, const DenoisingCondition& by, std::span<const float> values,
             JointStream& stream, LayerIndex layer, RowRange made, TransformContext& c) {
      { m.condition(by, stream, c) } -> std::same_as<void>;
      { m.embed(values, values, stream, c) } -> std::same_as<void>;
      { m.modulate(stream, layer, c) } -> std::same_as<void>;
      { m.remember(stream, layer, c) } -> std::same_as<void>;
      { m.forward(stream, layer, c) } -> std::same_as<void>;
      { m.project(stream, made, c) } -> std::same_as<Hidden>;
    };

/// A model DecodesLatents when it makes pixels of what a denoiser made, f32 [h · w, L] to f32
/// [s·h · s·w, 3], and can stop behind any of its layers, and go on in another step.
template <class M>
concept DecodesLatents = requires(const M& m, const Tensor& latents, PictureStream s,
                                  LayerIndex layer, TransformContext& c) {
  { m.decode(latents, c) } -> std::same_as<Hidden>;
  { m.embed(latents, c) } -> std::same_as<PictureStream>;
  { m.transform(std::move(s), layer, layer, c) } -> std::same_as<PictureStream>;
  { m.project(std::move(s), c) } -> std::same_as<Hidden>;
};

/// A model EncodesPixels when it makes of pixels what latents are drawn from, f32 [s·h · s·w, 3] to
/// moments, f32 [h · w, 2 · L], and of these and noise latents as a denoiser has them, f32 [h · w,
/// L]. It can stop like one that DecodesLatents.
template <class M>
concept EncodesPixels =
    requires(const M& m, const Tensor& pixels, const Tensor& moments, const Tensor& noise,
             PictureStream s, LayerIndex layer, TransformContext& c) {
      { m.moments(pixels, c) } -> std::same_as<Hidden>;
      { m.latents(moments, noise, c) } -> std::same_as<Hidden>;
      { m.embed(pixels, c) } -> std::same_as<PictureStream>;
      { m.transform(std::move(s), layer, layer, c) } -> std::same_as<PictureStream>;
      { m.project(std::move(s), c) } -> std::same_as<Hidden>;
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

/// A mixer MixesInParts when the rows of a sequence can be mixed some at a time: `remember` keeps
/// what the others see of the context's rows, and `attend`, once all of the sequence are
/// remembered, mixes the context's rows with them. [T, D] both, to the bits of `mix`.
template <class A>
concept MixesInParts =
    Mixer<A> && requires(const A& a, Activations x, LayerMemory& memory, TransformContext& c) {
      { a.remember(x, memory, c) } -> std::same_as<void>;
      { a.attend(x, memory, c) } -> std::same_as<Tensor>;
    };

/// A FeedForward works on each row by itself. [T, D] both.
template <class F>
concept FeedForward = requires(const F& f, Activations x, TransformContext& c) {
  { f.forward(x, c) } -> std::same_as<Tensor>;
};

/// A Projector makes rows for a language model of an encoder's. `projected` says what becomes of a
/// grid of patches, `reads` appends the patches that some of these rows are made of, in the order
/// in which `forward` wants their rows, f32 [P, K] to [R, D]; `products` are those of two numbers
/// that one of a grid's takes.
template <class P>
concept Projector = requires(const P& p, const Tensor& x, PatchGrid grid, RowRange made,
                             std::vector<std::int32_t>& patches, TransformContext& c) {
  { p.projected(grid) } -> std::same_as<PatchGrid>;
  { p.reads(grid, made, patches) } -> std::same_as<void>;
  { p.forward(x, c) } -> std::same_as<Tensor>;
  { p.outputs() } -> std::same_as<std::int64_t>;
  { p.products(grid) } -> std::same_as<std::int64_t>;
};

/// A RowProjector makes rows for a language model of those of a sound. `projected` says how many
/// become of so many of a sequence, `reads` which of these some are made of, from which `forward`
/// makes them, f32 [T, K] to [R, D]; `products` are those of two numbers that one takes.
template <class P>
concept RowProjector =
    requires(const P& p, const Tensor& x, std::int64_t rows, RowRange made, TransformContext& c) {
      { p.projected(rows) } -> std::same_as<std::int64_t>;
      { p.reads(made, rows) } -> std::same_as<RowRange>;
      { p.forward(x, c) } -> std::same_as<Tensor>;
      { p.outputs() } -> std::same_as<std::int64_t>;
      { p.products() } -> std::same_as<std::int64_t>;
    };

}  // namespace sirocco
