#include "sirocco/models/speech_model.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;

SpeechEncoder::SpeechEncoder(Convolution first, Convolution second,
                             std::shared_ptr<const WeightMatrix> positions,
                             std::vector<Block> layers, LayerNorm norm)
    : first_(std::move(first)),
      second_(std::move(second)),
      positions_(std::move(positions)),
      layers_(std::move(layers)),
      norm_(std::move(norm)) {}

Hidden SpeechEncoder::encode(const Tensor& frames, TransformContext& context) const {
  Ops& ops = context.ops();
  const std::int64_t rows = context.rows();
  const std::int64_t positions = positions_->rows();
  SIROCCO_CHECK(frames.rows() == 2 * rows && rows % positions == 0);
  const Tensor x = context.held().tensor(DType::kF32, {rows, positions_->columns()});
  {
    const Arena::Scope scope(context.scratch());
    const Tensor louder = first_.forward(frames, 2 * positions, context);
    ops.activate(PlainActivation::kGeluErf, louder, Out(Activations{.f32 = louder, .q8 = {}}));
    const Tensor halved = second_.forward(louder, 2 * positions, context);
    ops.embed(*positions_, context.batch().positions, 1.0f, Out(x));
    ops.activate(PlainActivation::kGeluErf, halved, Out(Activations{.f32 = halved, .q8 = {}}));
    ops.add(Out(x), halved);
  }
  std::int32_t number = 0;
  for (const Block& layer : layers_) layer.forward(x, LayerIndex(number++), context);
  norm_.apply(x, context);
  return Hidden(context, {.f32 = x, .q8 = {}});
}

SpeechDecoder::SpeechDecoder(TokenEmbedding embedding, std::vector<Block> layers, LayerNorm norm,
                             VocabularyHead head)
    : embedding_(std::move(embedding)),
      layers_(std::move(layers)),
      norm_(std::move(norm)),
      head_(std::move(head)) {
  std::vector<CacheNeed> needs;
  for (const Block& layer : layers_) needs.push_back(layer.own_need());
  for (const Block& layer : layers_) needs.push_back(layer.encoded_need());
  layout_ = CacheLayout(LayerIndex(0), needs);
}

void SpeechDecoder::remember(const Hidden& encoded, TransformContext& context) const {
  for (std::size_t i = 0; i < layers_.size(); ++i)
    layers_[i].remember(encoded.activations(), this->encoded(i), context);
}

Hidden SpeechDecoder::transform(Hidden hidden, TransformContext& context) const {
  for (std::size_t i = 0; i < layers_.size(); ++i)
    layers_[i].forward(hidden.values(), own(i), encoded(i), context);
  const Tensor rows = output_rows(hidden.values(), context);
  norm_.apply(rows, context);
  return Hidden(context, {.f32 = rows, .q8 = {}});
}

}  // namespace sirocco
