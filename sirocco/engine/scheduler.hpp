#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/engine/sequence.hpp"

namespace sirocco {

/// What a step costs, learned from the steps that were: seconds = fixed + rows · each, by weighted
/// least squares over what was seen lately. Until it has seen something, it knows nothing and says
/// so.
class StepCostModel {
 public:
  void observe(std::int64_t rows, Seconds seconds);
  /// How many rows a step may have to end within `bound`; `none` while nothing was observed.
  std::int64_t rows_within(Seconds bound, std::int64_t none) const;
  Seconds expected(std::int64_t rows) const;

 private:
  struct Line {
    double fixed;
    double each;
  };
  Line line() const;
  double weight_ = 0, rows_ = 0, seconds_ = 0, rows_rows_ = 0, rows_seconds_ = 0;
};

struct SchedulerLimits {
  int step_rows = 512;         ///< rows of a step, at most
  int shared_step_rows = 128;  ///< the same while someone else waits for a token and nothing is
                               ///< known of the cost of a step
  int least_prompt_rows = 16;  ///< prompt rows that fit into any step, however many decode
  Seconds stall_bound = 0.25;  ///< how long a step with prompts may keep decoding sequences waiting
};

/// What the scheduler sees of a sequence that can run.
struct Runnable {
  SequenceId id;
  std::int64_t unread = 0;  ///< tokens that it could process now
  bool decoding = false;    ///< exactly one, and someone waits for the next
};

struct StepShare {
  SequenceId id;
  std::int64_t rows = 0;
  friend bool operator==(const StepShare&, const StepShare&) = default;
};

/// Decides who runs in a step, and by how much: every decoding sequence by its token, then prompts
/// by chunks within what remains. A pure function of what it was told and what it did before: no
/// clock, no thread.
///
/// - A step has at most `step_rows` rows. When sequences decode, prompts take at most what the cost
///   model says ends within `stall_bound`, yet at least `least_prompt_rows`.
/// - When not all fit, whoever was served longest ago goes first, so that nobody starves.
/// - Prompts share their part evenly; what a short one leaves over goes to the others.
class Scheduler {
 public:
  /// Throws InvalidArgument for limits that are not positive or contradict one another.
  explicit Scheduler(const SchedulerLimits& limits);

  const SchedulerLimits& limits() const { return limits_; }
  /// The shares of the next step, those of decoding sequences first; valid until the next plan. Not
  /// empty unless `runnable` is.
  const std::vector<StepShare>& plan(std::span<const Runnable> runnable,
                                     const StepCostModel& costs);

 private:
  struct Served {
    SequenceId id;
    std::uint64_t step;
  };
  struct Waiting {
    Runnable what;
    std::uint64_t served;
    std::size_t arrival;
  };
  std::uint64_t last_served(SequenceId id) const;

  SchedulerLimits limits_;
  std::vector<Served> served_;  // of the sequences of the last plan
  std::uint64_t step_ = 0;
  // Of the plan that is made, kept for their memory.
  std::vector<Waiting> decoding_;
  std::vector<Waiting> prompts_;
  std::vector<std::size_t> by_length_;
  std::vector<std::int64_t> shares_;
  std::vector<StepShare> plan_;
  std::vector<Served> served_now_;
};

}  // namespace sirocco
