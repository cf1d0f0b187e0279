// expect: (template constraint failure|constraints not satisfied)
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

#ifdef SIROCCO_CONTROL
using Block = TransformerBlock<RmsNorm, CausalAttention, Mlp>;
#else
using Block = TransformerBlock<RmsNorm, Mlp, CausalAttention>;
#endif

std::size_t size() { return sizeof(Block); }

}  // namespace sirocco
