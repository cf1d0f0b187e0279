#pragma once

#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/work.hpp"

namespace sirocco {

/// What went wrong with a request, whatever API it belongs to; each has a shape of its own for it.
struct ApiError {
  int status = 500;  ///< of HTTP
  std::string message;
  std::string param;  ///< the place in the request; empty: none
  std::string code;   ///< a word for programs
};

/// A request that ends with such an error.
class ApiFailure : public Error {
 public:
  explicit ApiFailure(ApiError error)
      : Error(ErrorKind::kInvalidArgument, error.message), error_(std::move(error)) {}
  const ApiError& error() const noexcept { return error_; }

 private:
  ApiError error_;
};

/// What to tell of an exception: ApiFailure's error, InvalidRequest's and Error's own words, and of
/// others, which are the server's affair, only that something went wrong.
ApiError api_error(const std::exception& exception);
/// What to tell of work that failed (FinishReason::kFailed).
ApiError api_error(const Ending& ending);
/// Of what HTTP's own layer refuses: the code is made of the status.
ApiError api_error(int status, std::string_view message);
/// 404, with the names that there are.
ApiError model_not_found(std::string_view name, std::span<const std::string> names);

}  // namespace sirocco
