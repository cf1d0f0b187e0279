// expect-gcc: no matching function for call to .*LocalStages::LocalStages|could not convert
// expect-clang: no matching constructor for initialization of .*LocalStages
// The stages behind a head end with the tail.
#include <utility>

#include "sirocco/pipeline/local_stages.hpp"

using Middle = sirocco::PlacedStage<sirocco::Middle>;
using Tail = sirocco::PlacedStage<sirocco::Tail>;

sirocco::LocalStages stages(std::vector<Middle> middles, Middle middle, Tail tail) {
#ifdef SIROCCO_CONTROL
  static_cast<void>(middle);
  return sirocco::LocalStages(std::move(middles), std::move(tail));
#else
  static_cast<void>(tail);
  return sirocco::LocalStages(std::move(middles), std::move(middle));
#endif
}
