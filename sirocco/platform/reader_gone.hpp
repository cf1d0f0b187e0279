#pragma once

#include "sirocco/base/error.hpp"

namespace sirocco {

/// Nobody reads a pipe any more that is written to: the end of what there is to do, rather than a
/// failure.
class ReaderGone : public IoError {
 public:
  ReaderGone() : IoError("nobody reads what is written") {}
};

}  // namespace sirocco
