#include "sirocco/base/error.hpp"
#include "sirocco/models/model.hpp"

namespace sirocco {

Pooling parse_pooling(std::string_view name) {
  if (name == "mean") return Pooling::kMean;
  if (name == "cls") return Pooling::kFirst;
  if (name == "last") return Pooling::kLast;
  throw InvalidArgument("there is no pooling {}; known are mean, cls and last", quoted(name));
}

}  // namespace sirocco
