#include "sirocco/engine/scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sirocco/base/error.hpp"

namespace sirocco {

void StepCostModel::observe(std::int64_t rows, Seconds seconds) {
  constexpr double kForget = 0.95;  // a step counts half after 14 others
  const auto x = static_cast<double>(rows);
  for (double* sum : {&weight_, &rows_, &seconds_, &rows_rows_, &rows_seconds_}) *sum *= kForget;
  weight_ += 1;
  rows_ += x;
  seconds_ += seconds;
  rows_rows_ += x * x;
  rows_seconds_ += x * seconds;
}

StepCostModel::Line StepCostModel::line() const {
  const double spread = weight_ * rows_rows_ - rows_ * rows_;
  // Steps of one size alone don't tell what is fixed: then all of it counts by the row.
  Line line{0.0, seconds_ / rows_};
  if (spread > 1e-6 * rows_ * rows_) {
    const double each = (weight_ * rows_seconds_ - rows_ * seconds_) / spread;
    const double fixed = (seconds_ - each * rows_) / weight_;
    if (each > 0.0 && fixed >= 0.0) line = {fixed, each};
  }
  return line;
}

std::int64_t StepCostModel::rows_within(Seconds bound, std::int64_t none) const {
  if (rows_ <= 0.0) return none;
  const Line l = line();
  if (l.each <= 0.0) return none;
  constexpr double kMost = 1e9;
  return static_cast<std::int64_t>(std::clamp((bound - l.fixed) / l.each, 0.0, kMost));
}

Seconds StepCostModel::expected(std::int64_t rows) const {
  if (rows_ <= 0.0) return 0.0;
  const Line l = line();
  return l.fixed + l.each * static_cast<double>(rows);
}

std::int64_t rows_without_cut(std::int64_t rows, std::span<const IndivisibleRows> indivisible) {
  for (const IndivisibleRows& together : indivisible) {
    if (together.first >= rows) break;
    if (together.end > rows) return together.first;
  }
  return rows;
}

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits) {
  if (limits_.usual_step < 1 || limits_.max_step < limits_.usual_step ||
      limits_.max_shared_step < 1 || limits_.min_patient_rows < 1 || !(limits_.max_stall > 0.0)) {
    throw InvalidArgument(
        "the limits of a scheduler must be positive, and no usual step larger than the largest");
  }
  if (limits_.min_patient_rows > limits_.usual_step) {
    throw InvalidArgument("min_patient_rows is {} and a step has {} rows", limits_.min_patient_rows,
                          limits_.usual_step);
  }
}

void Scheduler::sort_by_turn(std::span<const Runnable> runnable) {
  urgent_.clear();
  patient_.clear();
  for (std::size_t i = 0; i < runnable.size(); ++i) {
    SIROCCO_CHECK(runnable[i].demand.rows > 0);
    (runnable[i].demand.urgent ? urgent_ : patient_).push_back(i);
  }
  const auto longest_waiting = [&](std::size_t a, std::size_t b) {
    return runnable[a].served != runnable[b].served ? runnable[a].served < runnable[b].served
                                                    : a < b;
  };
  std::sort(urgent_.begin(), urgent_.end(), longest_waiting);
  std::sort(patient_.begin(), patient_.end(), longest_waiting);
}

std::int64_t Scheduler::patient_rows(std::span<const Runnable> runnable) const {
  std::int64_t wanted = 0;
  for (const std::size_t i : patient_) wanted += runnable[i].demand.rows;
  const std::int64_t least = std::min<std::int64_t>(limits_.min_patient_rows, wanted);
  if (urgent_.empty() || least < limits_.usual_step) return least;
  // A step is no larger than that: the two take turns.
  const bool patient_first = runnable[patient_.front()].served < runnable[urgent_.front()].served;
  return patient_first ? limits_.usual_step : limits_.usual_step - 1;
}

std::int64_t Scheduler::share_among_urgent(std::span<const Runnable> runnable, std::int64_t room,
                                           std::int64_t max_urgent) {
  std::int64_t rows = 0;
  for (const std::size_t i : urgent_) {
    const std::int64_t wanted = runnable[i].demand.rows;
    if (std::ssize(plan_) >= max_urgent) break;
    // One that wants more than there ever is has a step to itself.
    if (rows + wanted > room && !(plan_.empty() && wanted > limits_.usual_step)) break;
    plan_.push_back({i, wanted});
    rows += wanted;
  }
  return rows;
}

void Scheduler::share_evenly(std::span<const Runnable> runnable, std::int64_t budget) {
  const auto count = static_cast<std::size_t>(std::min(std::ssize(patient_), budget));
  by_length_.resize(count);
  std::iota(by_length_.begin(), by_length_.end(), std::size_t{0});
  const auto wanted = [&](std::size_t place) { return runnable[patient_[place]].demand.rows; };
  // The shortest first, so that what they leave is shared by the others.
  std::sort(by_length_.begin(), by_length_.end(), [&](std::size_t a, std::size_t b) {
    return wanted(a) != wanted(b) ? wanted(a) < wanted(b) : a < b;
  });
  shares_.resize(count);
  auto left = static_cast<std::int64_t>(count);
  for (const std::size_t place : by_length_) {
    shares_[place] = std::min(wanted(place), budget / left);
    budget -= shares_[place];
    --left;
  }
  for (std::size_t place = 0; place < count; ++place)
    plan_.push_back({patient_[place], shares_[place]});
}

void Scheduler::share_in_turn(std::span<const Runnable> runnable, std::int64_t budget,
                              std::int64_t urgent_rows) {
  const std::size_t urgent = plan_.size();
  for (const std::size_t i : patient_) {
    const Demand& demand = runnable[i].demand;
    std::int64_t rows = rows_without_cut(std::min(demand.rows, budget), demand.indivisible);
    if (rows == 0 && plan_.size() == urgent && budget > 0) {
      const std::int64_t together = demand.indivisible.front().end;
      if (urgent_rows + together > limits_.max_step) plan_.clear();  // it is their turn
      rows = together;
    }
    if (rows == 0) continue;
    plan_.push_back({i, rows});
    budget -= std::min(rows, budget);
  }
}

const std::vector<PlannedShare>& Scheduler::plan(std::span<const Runnable> runnable,
                                                 const StepCostModel& costs,
                                                 std::int64_t max_urgent) {
  sort_by_turn(runnable);
  plan_.clear();
  const std::int64_t kept = patient_rows(runnable);
  const std::int64_t urgent_rows =
      share_among_urgent(runnable, limits_.usual_step - kept, max_urgent);
  std::int64_t budget = std::max<std::int64_t>(limits_.usual_step - urgent_rows, 0);
  if (urgent_rows > 0) {
    const std::int64_t bounded =
        costs.rows_within(limits_.max_stall, limits_.max_shared_step) - urgent_rows;
    budget = std::min(budget, std::max(bounded, kept));
  }
  const bool divisible = std::all_of(patient_.begin(), patient_.end(), [&](std::size_t i) {
    return runnable[i].demand.indivisible.empty();
  });
  if (divisible)
    share_evenly(runnable, budget);
  else
    share_in_turn(runnable, budget, urgent_rows);
  return plan_;
}

}  // namespace sirocco
