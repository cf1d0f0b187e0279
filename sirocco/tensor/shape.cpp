#include "sirocco/tensor/shape.hpp"

#include <fmt/core.h>

namespace sirocco {

std::string Shape::to_string() const {
  std::string out = "[";
  for (int axis = 0; axis < rank_; ++axis)
    out += fmt::format("{}{}", axis == 0 ? "" : ", ", (*this)[axis]);
  return out + "]";
}

}  // namespace sirocco
