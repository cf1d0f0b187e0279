#pragma once

#include <fmt/core.h>

#include <exception>
#include <string>
#include <utility>

namespace sirocco::jinja {

/// What Python would have raised; filters and lookups tell kinds apart as jinja2 does.
enum class Fault {
  kType,
  kValue,
  kLookup,
  kArithmetic,
  kUndefined,
  kSecurity,
  kRuntime,
  kRaised,  ///< raise_exception(): the template refuses the conversation
  kLimit,   ///< a limit of steps, depth, memory or output
};

/// A failure while a template runs; the interpreter adds the line and makes it a sirocco::Error.
class TemplateFault : public std::exception {
 public:
  TemplateFault(Fault kind, std::string message) : kind_(kind), message_(std::move(message)) {}
  Fault kind() const noexcept { return kind_; }
  const std::string& message() const noexcept { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  Fault kind_;
  std::string message_;
};

template <class... Args>
[[noreturn]] void fail(Fault kind, fmt::format_string<Args...> format, Args&&... args) {
  throw TemplateFault(kind, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sirocco::jinja
