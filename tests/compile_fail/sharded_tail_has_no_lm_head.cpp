// expect-gcc: sirocco::Parts<sirocco::AnyBlocks, sirocco::AnyLmHeadShard>.* has no member named 'lm_head'
// expect-clang: no member named 'lm_head' in 'sirocco::Parts<sirocco::AnyBlocks, sirocco::AnyLmHeadShard>'
#include "sirocco/models/parts.hpp"

namespace sirocco {

#ifdef SIROCCO_CONTROL
using Role = Tail;
#else
using Role = ShardedTail;
#endif

Logits scores(const Role& role, const Hidden& hidden, TransformContext& context) {
  return role.lm_head(hidden, context);
}

}  // namespace sirocco
