#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco::json_testing {

/// How a request was refused.
struct Refusal {
  std::string param;
  std::string code;
  std::string message;
};

/// Nothing where `read` accepts.
inline std::optional<Refusal> refusal_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const InvalidRequest& refused) {
    return Refusal{refused.param(), refused.code(), refused.what()};
  }
  return std::nullopt;
}

inline std::ostream& operator<<(std::ostream& out, const Refusal& refusal) {
  return out << refusal.param << " (" << refusal.code << "): " << refusal.message;
}

}  // namespace sirocco::json_testing
