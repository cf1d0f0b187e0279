// expect-gcc: no matching function for call to .*StageChain::StageChain|could not convert
// expect-clang: no matching constructor for initialization of .*StageChain
// A chain of stages ends with its tail.
#include <utility>

#include "sirocco/pipeline/stage.hpp"

sirocco::StageChain chain(sirocco::Stage<sirocco::Head> head, sirocco::Stage<sirocco::Tail> tail) {
#ifdef SIROCCO_CONTROL
  return sirocco::StageChain(std::move(head), std::move(tail));
#else
  return sirocco::StageChain(std::move(tail), std::move(head));
#endif
}
