#pragma once

#include <string>

#include "bench/serving/runs.hpp"

namespace sirocco::bench {

/// What an answer has to keep to in order to count as a good one.
struct Objective {
  double first_s = 1;  ///< to its first piece at most
  double gap_s = 0.1;  ///< from piece to piece, on average over the answer, at most
};

struct ReportOptions {
  std::string mode;
  Objective objective;
  int turns =
      0;  ///< of a client's conversation; 0: requests that have nothing to do with each other
};

/// One object of JSON: latencies in milliseconds, rates a second over the whole run.
std::string report(const Run& run, const ReportOptions& options);
std::string report(const Stall& stall);

}  // namespace sirocco::bench
