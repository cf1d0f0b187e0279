#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/engine/step_cost.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/work.hpp"

namespace sirocco {

struct SchedulerLimits {
  int usual_step = 512;      ///< rows of a step, but for rows that can't be cut
  int max_step = 65536;      ///< rows of a step at all
  int min_patient_rows = 1;  ///< rows of those who can wait that fit into any step
  /// Encoders' work that is held to take as long as a row, until steps have shown it; above 0.
  double encoded_a_row = 1;

  /// As a pipeline allows them, with steps as large as are worth it there.
  SchedulerLimits fitted(const PipelineLimits& pipeline) const;
};

/// What so many of the rows of a demand are to a step.
constexpr StepLoad load_of(const Demand& demand, std::int64_t rows) {
  return demand.encodes ? StepLoad{.encoded = rows} : load_behind(demand.depth, rows);
}

/// What the scheduler sees of a work that could take part in a step.
struct Runnable {
  Demand demand;
  std::uint64_t served = 0;   ///< the number of the plan that last had a part for it; 0: none yet
  std::uint64_t owner = 0;    ///< whose it is
  int priority = 0;           ///< the higher goes first
  std::uint64_t arrival = 0;  ///< the lower came first
};

/// A part of a step for one of the runnable.
struct PlannedShare {
  std::size_t index = 0;
  std::int64_t rows = 0;
  friend bool operator==(const PlannedShare&, const PlannedShare&) = default;
};

/// What bounds a step besides the limits.
struct StepBounds {
  /// How long those who can wait may make the step; nothing: nobody waits for its end.
  std::optional<Seconds> patience = std::nullopt;
  std::int64_t max_patient = INT64_MAX;  ///< rows of theirs, where somebody waits
  std::int64_t max_urgent = INT64_MAX;   ///< urgent ones that take part
  std::int64_t max_encoded = INT64_MAX;  ///< encoders' work, where somebody waits
};

/// Decides who takes part in a step, and by how much: the urgent with all that they want, then
/// those who can wait with what fits into the rest. A pure function of what it is told: no clock,
/// no thread, no memory of who ran.
///
/// - A step has at most `usual_step` rows. Where someone waits, those who can wait take at most
///   what the cost model says ends within `patience`, yet at least `min_patient_rows`: and no more
///   while nothing is known of costs.
/// - When not all urgent ones fit, whoever was served longest ago goes first, so that nobody
///   starves; between equals the order of `runnable` counts.
/// - Of those who can wait, the highest priority comes first, but for an eighth of the rows, which
///   is for those below it where they want so much. Within one, owners have equal parts;
///   what one has no use for goes to the others. Of an owner's part, a quarter goes to the work
///   that came first, so that none waits for ever, and the rest to those that want least, so that
///   the short ones needn't wait for a long one.
/// - What encoders want is shared like rows, by the time that both take.
/// - Rows that can't be cut make a step larger, up to `max_step`, when they come first and don't
///   fit otherwise.
class Scheduler {
 public:
  /// Throws InvalidArgument for limits that are not positive or contradict one another.
  explicit Scheduler(const SchedulerLimits& limits);

  const SchedulerLimits& limits() const { return limits_; }
  /// The shares of the next step, those of urgent ones first; valid until the next plan. Not empty
  /// unless `runnable` is.
  const std::vector<PlannedShare>& plan(std::span<const Runnable> runnable,
                                        const StepCostModel& costs, StepBounds bounds = {});
  /// How many rows take as long as that load.
  double in_rows(const StepLoad& load, const StepCostModel& costs) const {
    return static_cast<double>(load.rows) +
           static_cast<double>(load.encoded) / encoded_a_row(costs, 0);
  }

 private:
  /// What is shared among those who can wait is parts of a step: rows or, where encoders are among
  /// them, whichever of the two takes less time. So many of them are a row, and one of encoders'
  /// work.
  struct Parts {
    double row = 1;
    double encoded = 1;
  };

  /// Who wants what, longest waiting first; of those who can wait, by priority before that.
  void sort_by_turn(std::span<const Runnable> runnable);
  /// Rows that are kept for those who can wait however many urgent ones there are.
  std::int64_t patient_rows(std::span<const Runnable> runnable) const;
  double encoded_a_row(const StepCostModel& costs, double depth) const;
  bool encodes(std::span<const Runnable> runnable) const;
  /// Sets what those who can wait want in parts, if they stand behind so many positions in the
  /// mean.
  void count_parts(std::span<const Runnable> runnable, const StepCostModel& costs,
                   const StepBounds& bounds, double depth);
  std::int64_t parts_of(const Demand& demand, std::int64_t rows) const;
  /// So many rows as such parts of a step are, at least one.
  std::int64_t rows_of(const Demand& demand, std::int64_t parts) const;
  /// Makes rows of the parts that shares have. Those that take several parts each are rounded, for
  /// of a few rows the part of one behind the point is much; who is counted in single parts makes
  /// up for it.
  void make_rows(std::span<const Runnable> runnable, std::span<PlannedShare> shares) const;
  /// The parts that those who can wait may have besides so many urgent rows.
  std::int64_t patient_budget(std::span<const Runnable> runnable, const StepCostModel& costs,
                              const StepBounds& bounds, std::int64_t urgent_rows,
                              double depth) const;
  /// Gives urgent ones their parts; returns their rows.
  std::int64_t share_among_urgent(std::span<const Runnable> runnable, std::int64_t room,
                                  std::int64_t max_urgent);
  /// Give those who can wait parts, which become rows in the end.
  void share_by_owner(std::span<const Runnable> runnable, std::int64_t budget);
  void share_within_owner(std::span<const Runnable> runnable, std::span<std::size_t> works,
                          std::int64_t budget);
  void share_in_turn(std::span<const Runnable> runnable, std::int64_t budget,
                     std::int64_t urgent_rows);

  /// What the works of an owner that can wait want together, and get.
  struct Portion {
    std::uint64_t owner = 0;
    std::int64_t wanted = 0;
    std::int64_t given = 0;
  };
  /// Sets what each owner is given of `budget`: even parts of at least a row, in turn where there
  /// are more of them than rows; what one has no use for goes to the others.
  void share_among_owners(std::int64_t budget);

  SchedulerLimits limits_;
  // Of the plan that is made, kept for their memory.
  std::vector<std::size_t> urgent_;
  std::vector<std::size_t> patient_;
  std::vector<Portion> owners_;
  std::vector<std::size_t> of_owner_;
  std::vector<std::size_t> by_length_;
  Parts parts_;
  std::vector<std::int64_t> wanted_;  // parts, of each of those who can wait
  std::vector<PlannedShare> plan_;
};

/// The most of `rows` that can be taken without cutting what must not be cut.
std::int64_t rows_without_cut(std::int64_t rows, std::span<const IndivisibleRows> indivisible);

}  // namespace sirocco
