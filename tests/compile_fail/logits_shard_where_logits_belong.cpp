// expect-gcc: could not convert .*from 'sirocco::LogitsShard' to 'sirocco::Logits'
// expect-clang: no viable conversion from .*LogitsShard.* to .*Logits
// Scores of a part of the vocabulary choose no token.
#include "sirocco/models/parts.hpp"

namespace sirocco {

#ifdef SIROCCO_CONTROL
LogitsShard scores(const ShardedTail& tail, const Hidden& hidden, TransformContext& context) {
#else
Logits scores(const ShardedTail& tail, const Hidden& hidden, TransformContext& context) {
#endif
  return tail.lm_head_shard(hidden, context);
}

}  // namespace sirocco
