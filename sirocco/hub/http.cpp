#include "sirocco/hub/http.hpp"

#include <algorithm>

namespace sirocco {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

const std::string* HttpHead::find(std::string_view name) const {
  const std::string* found = nullptr;
  for (const HttpHeader& header : headers) {
    if (same_name(header.name, name)) found = &header.value;
  }
  return found;
}

}  // namespace sirocco
