#include "sirocco/models/speech_model.hpp"

namespace sirocco {

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

double SpeechDecoder::remember_products() const {
  double all = 0;
  for (const Block& layer : layers_) all += static_cast<double>(layer.remember_products());
  return all;
}

Hidden SpeechDecoder::transform(Hidden hidden, TransformContext& context) const {
  for (std::size_t i = 0; i < layers_.size(); ++i)
    layers_[i].forward(hidden.values(), own(i), encoded(i), context);
  const Tensor rows = output_rows(hidden.values(), context);
  norm_.apply(rows, context);
  return Hidden(context, {.f32 = rows, .q8 = {}});
}

}  // namespace sirocco
