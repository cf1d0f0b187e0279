#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/engine/channel.hpp"
#include "sirocco/pipeline/work.hpp"

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
  int usual_step = 512;       ///< rows of a step, but for rows that can't be cut
  int max_step = 65536;       ///< rows of a step at all
  int max_shared_step = 128;  ///< rows of a step while someone waits and nothing is known of the
                              ///< cost of a step
  int min_patient_rows = 16;  ///< rows of those who can wait that fit into any step
  Seconds max_stall = 0.25;   ///< how long a step may take while someone waits
};

/// What the scheduler sees of a work that could take part in a step.
struct Runnable {
  Demand demand;
  std::uint64_t served = 0;  ///< the number of the plan that last had a part for it; 0: none yet
};

/// A part of a step for one of the runnable.
struct PlannedShare {
  std::size_t index = 0;
  std::int64_t rows = 0;
  friend bool operator==(const PlannedShare&, const PlannedShare&) = default;
};

/// Decides who takes part in a step, and by how much: the urgent with all that they want, then
/// those who can wait with what fits into the rest. A pure function of what it is told: no clock,
/// no thread, no memory of who ran.
///
/// - A step has at most `usual_step` rows. When there are urgent ones, the others take at most what
///   the cost model says ends within `max_stall`, yet at least `min_patient_rows`.
/// - When not all fit, whoever was served longest ago goes first, so that nobody starves; between
///   equals the order of `runnable` counts.
/// - Those who can wait share their part evenly; what a short one leaves over goes to the others.
/// - Rows that can't be cut make a step larger, up to `max_step`, when they come first and don't
///   fit otherwise.
class Scheduler {
 public:
  /// Throws InvalidArgument for limits that are not positive or contradict one another.
  explicit Scheduler(const SchedulerLimits& limits);

  const SchedulerLimits& limits() const { return limits_; }
  /// The shares of the next step, those of urgent ones first; valid until the next plan. Not empty
  /// unless `runnable` is. At most `max_urgent` urgent ones take part.
  const std::vector<PlannedShare>& plan(std::span<const Runnable> runnable,
                                        const StepCostModel& costs,
                                        std::int64_t max_urgent = INT64_MAX);

 private:
  /// Who wants what, longest waiting first.
  void sort_by_turn(std::span<const Runnable> runnable);
  /// Rows that are kept for those who can wait however many urgent ones there are.
  std::int64_t patient_rows(std::span<const Runnable> runnable) const;
  /// Gives urgent ones their parts; returns their rows.
  std::int64_t share_among_urgent(std::span<const Runnable> runnable, std::int64_t room,
                                  std::int64_t max_urgent);
  void share_evenly(std::span<const Runnable> runnable, std::int64_t budget);
  void share_in_turn(std::span<const Runnable> runnable, std::int64_t budget,
                     std::int64_t urgent_rows);

  SchedulerLimits limits_;
  // Of the plan that is made, kept for their memory.
  std::vector<std::size_t> urgent_;
  std::vector<std::size_t> patient_;
  std::vector<std::size_t> by_length_;
  std::vector<std::int64_t> shares_;
  std::vector<PlannedShare> plan_;
};

/// The most of `rows` that can be taken without cutting what must not be cut.
std::int64_t rows_without_cut(std::int64_t rows, std::span<const IndivisibleRows> indivisible);

}  // namespace sirocco
