#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

/// Rows [first, end) of what a work has not processed yet that belong into one step, counted from
/// its next row.
struct IndivisibleRows {
  std::int64_t first = 0;
  std::int64_t end = 0;
};

/// Encoders' work is counted in so many products of two numbers.
constexpr double kEncodedProducts = 1e6;

/// What a work wants of the next step.
struct Demand {
  std::int64_t rows = 0;   ///< that it could process now; 0: none before a step ends
  bool urgent = false;     ///< it wants all of them at once, and someone waits for what comes of it
  std::int64_t depth = 0;  ///< rows before these that they look at, each of them
  /// Rows that must not be cut, ascending; valid until the work takes part in a step.
  std::span<const IndivisibleRows> indivisible = {};
  /// The rows are none: they count the work of an encoder (kEncodedProducts), which isn't urgent
  /// and can be cut anywhere.
  bool encodes = false;
};

enum class FinishReason : std::uint8_t {
  kStop,         ///< the work came to its own end
  kLength,       ///< the limit that was asked for was reached
  kContextFull,  ///< the context has no room for more
  kTimeLimit,    ///< the time that was asked for is over
  kCancelled,    ///< whoever asked no longer wants it
  kFailed,       ///< a step of the pipeline failed, or gave this work nothing to go on with
};
constexpr std::size_t kFinishReasons = 6;
/// "stop", "length", "context_full", "time_limit", "cancelled", "failed".
std::string_view finish_reason_name(FinishReason reason);

/// How a work ended.
struct Ending {
  FinishReason reason = FinishReason::kStop;
  std::optional<ErrorKind> error = std::nullopt;  ///< kFailed: the kind of what went wrong
  std::string message = {};                       ///< kFailed: what went wrong
};

/// What a work was about, in the rows that its pipeline counts: tokens, mostly.
struct Usage {
  std::int64_t prompt = 0;     ///< given
  std::int64_t cached = 0;     ///< of these, found in the prefix cache
  std::int64_t generated = 0;  ///< made
};

/// A work's place in its pipeline, counted while it lives. Move-only; one thread at a time.
class Seat {
 public:
  explicit Seat(std::shared_ptr<int> taken) : taken_(std::move(taken)) { ++*taken_; }
  Seat(Seat&&) noexcept = default;
  Seat& operator=(Seat&& other) noexcept {
    std::swap(taken_, other.taken_);
    return *this;
  }
  ~Seat() {
    if (taken_ != nullptr) --*taken_;
  }

 private:
  std::shared_ptr<int> taken_;
};

/// Encoders' work of so many products, as a demand counts it: one at least, and never more than a
/// demand can say.
inline std::int64_t encoded_rows(double products) {
  constexpr double kMost = 1e12;
  return static_cast<std::int64_t>(std::ceil(std::clamp(products / kEncodedProducts, 1.0, kMost)));
}

/// One work's part of a step. The work belongs to the step until that was waited for.
template <class Work>
struct Share {
  Work* work = nullptr;
  std::int64_t rows = 0;
};

}  // namespace sirocco
