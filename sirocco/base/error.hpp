#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace sirocco {

/// What went wrong, as a program tells kinds of failure apart. One table (`error_traits`) maps each
/// to its name, its HTTP status and the exit code of the command line.
enum class ErrorKind {
  kFormat,             ///< bytes from outside are not what their format allows
  kUnsupported,        ///< well-formed, but not something this build can run
  kInvalidArgument,    ///< a value that the caller chose is out of its range
  kNotFound,           ///< a named thing (file, model, tensor, variable) is not there
  kIo,                 ///< the operating system refused: permission, full disk, broken pipe
  kResourceExhausted,  ///< a limit of memory, cache, steps or output was reached
  kBusy,               ///< too much is going on now; the same may succeed later
  kNotANumber,         ///< a model computed NaN or infinity where a number is needed
  kCancelled,          ///< the caller withdrew the request
};

struct ErrorTraits {
  ErrorKind kind;
  std::string_view name;
  int http_status;
  int exit_code;
};

const ErrorTraits& error_traits(ErrorKind kind);

/// Base of all failures that a caller can meet. The message says what was found, what was expected,
/// where, and what the user can do; it is one line and safe to print (bytes from outside go through
/// `quoted`).
class Error : public std::runtime_error {
 public:
  ErrorKind kind() const noexcept { return kind_; }

 protected:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

 private:
  ErrorKind kind_;
};

namespace detail {
template <ErrorKind K>
class ErrorOf : public Error {
 public:
  template <class... Args>
  explicit ErrorOf(fmt::format_string<Args...> format, Args&&... args)
      : Error(K, fmt::format(format, std::forward<Args>(args)...)) {}
};
}  // namespace detail

using FormatError = detail::ErrorOf<ErrorKind::kFormat>;
using UnsupportedError = detail::ErrorOf<ErrorKind::kUnsupported>;
using InvalidArgument = detail::ErrorOf<ErrorKind::kInvalidArgument>;
using NotFound = detail::ErrorOf<ErrorKind::kNotFound>;
using IoError = detail::ErrorOf<ErrorKind::kIo>;
using ResourceExhausted = detail::ErrorOf<ErrorKind::kResourceExhausted>;
using Busy = detail::ErrorOf<ErrorKind::kBusy>;
using NotANumber = detail::ErrorOf<ErrorKind::kNotANumber>;
using Cancelled = detail::ErrorOf<ErrorKind::kCancelled>;

/// `text` between single quotes, control and non-UTF-8 bytes escaped as \xNN, cut after `limit`
/// bytes: how bytes from a file or a request enter a message.
std::string quoted(std::string_view text, std::size_t limit = 80);

/// Reports a broken invariant of sirocco itself and aborts. Never reached by bytes from outside.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace sirocco

/// Invariants of our own code, in every build. A condition that depends on outside bytes is an
/// Error instead.
#define SIROCCO_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::sirocco::check_failed(#condition, __FILE__, __LINE__))
