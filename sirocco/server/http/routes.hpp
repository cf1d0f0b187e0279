#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/server/http/exchange.hpp"

namespace sirocco::http {

/// Answers one exchange, which outlives it. What it throws becomes an answer, as long as none has
/// begun: an Error with the status of its kind and its message, anything else with 500 and
/// neither. Called and run on the network thread, where nothing may block.
using Handler = std::function<Task<Answered>(Exchange&)>;

/// One row of what a server answers.
struct Route {
  Method method = Method::kGet;  ///< those of kGet answer kHead too
  /// "/v1/models/{model}": a `{name}` stands for one segment that isn't empty, a last `{name...}`
  /// for one or more with the slashes between them.
  std::string pattern;
  Handler handler;
  bool open = false;                               ///< for everyone: the gate asks for no key
  std::optional<std::size_t> max_body_bytes = {};  ///< in place of Limits::max_body_bytes
};

/// The table of routes. Throws InvalidArgument for a pattern that is none, and for two rows that
/// answer the same method at patterns that differ in the names of parameters only.
class Routes {
 public:
  explicit Routes(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;  ///< none: see `allowed`
    Parameters parameters;
    std::vector<Method> allowed;  ///< that this path answers; empty: no path of the table
  };
  /// What answers `method` at the path of `segments`: where several patterns fit, that which
  /// names more segments literally, from the left.
  Match find(Method method, const std::vector<std::string>& segments) const;

 private:
  struct Segment {
    enum class Kind { kLiteral, kOne, kRest } kind;
    std::string text;
    friend bool operator==(const Segment&, const Segment&) = default;
  };
  struct Row {
    Route route;
    std::vector<Segment> segments;
  };
  static std::vector<Segment> segments_of(const std::string& pattern);
  static std::optional<Parameters> matched(const Row& row,
                                           const std::vector<std::string>& segments);
  std::vector<Row> rows_;
};

}  // namespace sirocco::http
