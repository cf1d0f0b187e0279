#pragma once

#include <deque>
#include <vector>

#include "bench/serving/client.hpp"
#include "bench/serving/workload.hpp"

namespace sirocco::bench {

/// Answers in the order of their requests' numbers, and from when to when they were written.
struct Run {
  std::deque<Answer> answers;
  double began = 0;
  double ended = 0;
  /// It was broken off while all clients were at it: what was in the making isn't a problem, and
  /// only what came between `began` and `ended` counts.
  bool broken_off = false;
};

/// What all kinds of runs want. A run that takes longer than `longest_s` is broken off; what isn't
/// answered by then has a problem.
struct RunOptions {
  Target target;
  Workload workload{1, {}, {}};
  std::uint64_t first = 0;  ///< number of the first request
  double longest_s = 600;
};

/// `clients` of which each asks for its next answer when it has the last, until `requests` are
/// made.
Run run_closed(const RunOptions& options, int clients, int requests);
/// `clients` that ask one request after another: watched for `seconds` after a first `warm_up_s`,
/// so that neither the beginning, when all prompts come at once, nor the end, when few are left,
/// has a part in it.
Run run_sustained(const RunOptions& options, int clients, double warm_up_s, double seconds);
/// Requests that come when they come, whether or not others are answered.
Run run_open(const RunOptions& options, const std::vector<double>& arrivals);
/// `clients` that talk for `turns` turns each, everything said so far in every request. The answers
/// of a client follow one another.
Run run_turns(const RunOptions& options, int clients, int turns);

struct StallOptions {
  int streams = 4;
  int prompt_words = 4000;
  int repetitions = 3;
  double quiet_s = 3;  ///< without the prompt, before each and behind it
  int stream_tokens = 4000;
};
struct Stall {
  std::vector<double> quiet_gaps;   ///< seconds between two pieces of a stream, without the prompt
  std::vector<double> beside_gaps;  ///< of which a part was while a prompt came in
  /// As quiet_gaps, behind each prompt: streams have become longer meanwhile.
  std::vector<double> behind_gaps;
  std::vector<double> first_s;  ///< to the first piece of each answer to a prompt
  std::vector<std::int64_t> prompt_tokens;
  std::string problem;
};
/// Streams that run, and prompts that come in one after the other.
Stall run_stall(const RunOptions& options, const StallOptions& stall);

/// The gaps between neighbours of `times` that a time from `begin` to `end` is in.
void append_gaps(const std::vector<double>& times, double begin, double end,
                 std::vector<double>& gaps);

}  // namespace sirocco::bench
