#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

/// A request that can't be served as it is written: status 400 in every API.
class InvalidRequest : public Error {
 public:
  /// `param` is the place in the body, "messages[2].role"; empty for the body itself. `code` is a
  /// word for programs.
  InvalidRequest(std::string param, std::string_view code, const std::string& message)
      : Error(ErrorKind::kInvalidArgument, message), param_(std::move(param)), code_(code) {}

  const std::string& param() const noexcept { return param_; }
  const std::string& code() const noexcept { return code_; }

 private:
  std::string param_;
  std::string code_;
};

}  // namespace sirocco
