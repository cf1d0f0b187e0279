#include "sirocco/models/phi2.hpp"

#include "sirocco/models/family.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, CausalAttention, Mlp, Parallel>;

namespace {

struct Phi2 : Family {
  using Layers = LayerSchedule<Phi2Block>;
  using FinalNorm = LayerNorm;

  static void add(LayerLoader& layer, Layers& layers) {
    layer.add_block<LayerNorm, Parallel>(layers, {.mixer = "attn_norm"},
                                         layer.attention<CausalAttention>(RotaryRows::kHalfSplit),
                                         layer.ungated_mlp(PlainActivation::kGeluTanh));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_phi2_builder(const ModelSources& from) {
  return build_family<Phi2>(from);
}

}  // namespace sirocco
