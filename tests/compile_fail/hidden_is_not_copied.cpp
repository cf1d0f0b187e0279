// expect: (use of deleted function|call to implicitly-deleted copy constructor)
#include "sirocco/nn/step_results.hpp"

namespace sirocco {

Hidden keep(Hidden& hidden) {
#ifdef SIROCCO_CONTROL
  return std::move(hidden);
#else
  return hidden;
#endif
}

}  // namespace sirocco
