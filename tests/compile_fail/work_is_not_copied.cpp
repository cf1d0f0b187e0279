// expect-gcc: use of deleted function .*TextWork::TextWork
// expect-clang: call to (implicitly-)?deleted .*constructor of 'sirocco::TextWork'
// Work holds a lease on its cache, which there is once.
#include <utility>

#include "sirocco/pipeline/text_work.hpp"

sirocco::TextWork other(sirocco::TextWork& work) {
#ifdef SIROCCO_CONTROL
  return std::move(work);
#else
  return work;
#endif
}
