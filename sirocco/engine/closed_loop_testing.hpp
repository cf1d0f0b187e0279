#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "sirocco/engine/counting_pipeline_testing.hpp"
#include "sirocco/engine/engine.hpp"

namespace sirocco::engine_testing {

/// From the least to the most; each factor of two as often as any other.
struct LengthRange {
  int min = 1;
  int max = 1;
};

/// A ClosedLoop is clients that ask, take the whole answer, and ask again, in an engine whose time
/// is what its steps say.
struct ClosedLoop {
  int clients = 16;
  LengthRange prompt = {};  ///< rows
  LengthRange answer = {};  ///< numbers
  int requests = 1500;      ///< that have their first number when it ends
  double away = 0.002;      ///< seconds from the end of an answer to its client's next request
  double fixed = 0.002, row = 0.0004, seen = 4e-7;  ///< seconds of a step, a row, a position
  std::uint64_t seed = 1;
};

struct Outcome {
  struct Prompt {
    int rows = 0;
    double first_s = 0;  ///< from its arrival to the first number of its answer, or to the end
  };
  std::vector<Prompt> prompts;  ///< in the order of their first numbers; then those without one
  std::vector<double> gaps;     ///< seconds between two numbers of an answer
};

/// What that part of the values is no more than: 0.5 is their median. There is at least one.
inline double quantile(std::vector<double> values, double part) {
  const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + at);
  return values[static_cast<std::size_t>(at)];
}

/// Seconds until the first numbers, of the prompts with at least so many rows.
inline std::vector<double> first_seconds(std::span<const Outcome::Prompt> prompts,
                                         int min_rows = 0) {
  std::vector<double> out;
  for (const Outcome::Prompt& prompt : prompts)
    if (prompt.rows >= min_rows) out.push_back(prompt.first_s);
  return out;
}

/// Numbers that are the same with every standard library.
class Lengths {
 public:
  explicit Lengths(std::uint64_t seed) : numbers_(seed) {}
  int operator()(LengthRange range) {
    const double part = static_cast<double>(numbers_() >> 11) * 0x1p-53;
    const double least = std::log(range.min);
    const double span = std::log(range.max + 1) - least;
    return std::min(range.max, static_cast<int>(std::exp(least + span * part)));
  }

 private:
  std::mt19937_64 numbers_;
};

inline Outcome run_closed_loop(const ClosedLoop& loop) {
  struct Client {
    double due = 0;  // when its request comes, or came
    int rows = 0;
    std::optional<Request<CountingPipeline>> request = std::nullopt;
    std::optional<double> last = std::nullopt;  // when its last number came
  };
  Machine machine;
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  options.max_events = 100000;
  Engine engine(machine, options);
  const auto handle = engine.add(
      std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_step = 512,
                                                                   .max_sequences = loop.clients,
                                                                   .clock = &clock,
                                                                   .cost = loop.fixed,
                                                                   .row_cost = loop.row,
                                                                   .seen_cost = loop.seen,
                                                                   .max_context = 200000}));
  Lengths length(loop.seed);
  std::vector<Client> clients(static_cast<std::size_t>(loop.clients));
  Outcome out;
  while (std::ssize(out.prompts) < loop.requests) {
    double next = std::numeric_limits<double>::infinity();
    for (Client& client : clients) {
      if (client.request) continue;
      next = std::min(next, client.due);
      if (client.due > clock) continue;
      client.rows = length(loop.prompt);
      // Numbers that mean nothing else to the pipeline.
      client.request =
          engine.submit(handle, {.first = 1000, .rows = client.rows, .count = length(loop.answer)});
    }
    if (!engine.step()) clock = std::max(clock, next);
    for (Client& client : clients) {
      if (!client.request) continue;
      while (client.request->try_next()) {
        if (client.last)
          out.gaps.push_back(clock - *client.last);
        else
          out.prompts.push_back({client.rows, clock - client.due});
        client.last = clock;
      }
      if (client.request->finished()) client = {.due = clock + loop.away};
    }
  }
  for (const Client& client : clients)
    if (client.request && !client.last) out.prompts.push_back({client.rows, clock - client.due});
  return out;
}

}  // namespace sirocco::engine_testing
