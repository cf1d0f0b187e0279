#include "sirocco/models/text_encoder.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

TextEncoder::TextEncoder(ModelBuilder& builder) : info_(builder.info()), embed_(builder.embed()) {
  for (std::int32_t i = 0; i < info_.layers; ++i) {
    layers_.push_back(builder.blocks({LayerIndex(i), LayerIndex(i + 1)}));
    if (layers_.back().cache_layout().groups().empty()) continue;
    throw UnsupportedError("{}: isn't supported as an encoder of texts; it keeps a cache",
                           quoted(info_.architecture));
  }
}

Hidden TextEncoder::transform(Hidden hidden, LayerIndex begin, LayerIndex end,
                              TransformContext& context) const {
  SIROCCO_CHECK(LayerIndex(0) <= begin && begin <= end && end <= LayerIndex(info_.layers));
  for (std::int32_t i = begin.value(); i < end.value(); ++i)
    hidden = layers_[static_cast<std::size_t>(i)].transform(std::move(hidden), context);
  return hidden;
}

}  // namespace sirocco
