#include "sirocco/engine/scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sirocco/base/error.hpp"

namespace sirocco {

namespace {

/// A number of parts or rows without what is behind the point: as large a one as is ever wanted.
std::int64_t whole(double number) {
  constexpr double kMost = 1e15;
  return static_cast<std::int64_t>(std::min(number, kMost));
}

}  // namespace

SchedulerLimits SchedulerLimits::fitted(const PipelineLimits& pipeline) const {
  SchedulerLimits out = *this;
  out.max_step = pipeline.max_step;
  out.usual_step = std::min(std::max(usual_step, pipeline.usual_step), out.max_step);
  out.min_patient_rows = std::min(min_patient_rows, out.usual_step);
  if (pipeline.encoded_a_row > 0) out.encoded_a_row = pipeline.encoded_a_row;
  return out;
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
      limits_.min_patient_rows < 1 || !(limits_.encoded_a_row > 0)) {
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
  const auto by_turn = [&](std::size_t a, std::size_t b) {
    return runnable[a].served != runnable[b].served ? runnable[a].served < runnable[b].served
                                                    : a < b;
  };
  std::sort(urgent_.begin(), urgent_.end(), by_turn);
  std::sort(patient_.begin(), patient_.end(), [&](std::size_t a, std::size_t b) {
    return runnable[a].priority != runnable[b].priority
               ? runnable[a].priority > runnable[b].priority
               : by_turn(a, b);
  });
}

std::int64_t Scheduler::patient_rows(std::span<const Runnable> runnable) const {
  double wanted = 0;
  for (const std::size_t i : patient_) wanted += static_cast<double>(wanted_[i]);
  const auto least = static_cast<std::int64_t>(
      std::ceil(std::min(static_cast<double>(limits_.min_patient_rows), wanted / parts_.row)));
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

void Scheduler::share_among_owners(std::int64_t budget) {
  const auto count = static_cast<std::size_t>(std::min(std::ssize(owners_), budget));
  by_length_.resize(count);
  std::iota(by_length_.begin(), by_length_.end(), std::size_t{0});
  // The shortest first, so that what they leave is shared by the others.
  std::ranges::stable_sort(by_length_, {}, [&](std::size_t i) { return owners_[i].wanted; });
  auto left = static_cast<std::int64_t>(count);
  for (const std::size_t i : by_length_) {
    owners_[i].given = std::min(owners_[i].wanted, budget / left);
    budget -= owners_[i].given;
    --left;
  }
}

void Scheduler::share_within_owner(std::span<const Runnable> runnable, std::span<std::size_t> works,
                                   std::int64_t budget) {
  constexpr std::int64_t kPartOfOldest = 4;  // one row in so many
  const auto arrival = [&](std::size_t i) { return runnable[i].arrival; };
  const auto wanted = [&](std::size_t i) { return wanted_[i]; };
  std::ranges::stable_sort(works, {}, arrival);
  const std::size_t oldest = works.front();
  const std::int64_t of_oldest =
      std::min(wanted(oldest), (budget + kPartOfOldest - 1) / kPartOfOldest);
  budget -= of_oldest;
  const auto rest = [&](std::size_t i) { return wanted(i) - (i == oldest ? of_oldest : 0); };
  std::ranges::stable_sort(works, {}, rest);
  const std::size_t place_of_oldest = plan_.size();
  plan_.push_back({oldest, of_oldest});
  for (const std::size_t i : works) {
    const std::int64_t rows = std::min(rest(i), budget);
    if (rows == 0) continue;
    if (i == oldest)
      plan_[place_of_oldest].rows += rows;
    else
      plan_.push_back({i, rows});
    budget -= rows;
  }
}

void Scheduler::share_by_owner(std::span<const Runnable> runnable, std::int64_t budget) {
  for (std::size_t begin = 0, end = 0; begin < patient_.size() && budget > 0; begin = end) {
    const int priority = runnable[patient_[begin]].priority;
    owners_.clear();
    for (end = begin; end < patient_.size() && runnable[patient_[end]].priority == priority;
         ++end) {
      const Runnable& work = runnable[patient_[end]];
      const auto owner = std::ranges::find(owners_, work.owner, &Portion::owner);
      if (owner == owners_.end())
        owners_.push_back({work.owner, wanted_[patient_[end]]});
      else
        owner->wanted += wanted_[patient_[end]];
    }
    constexpr std::int64_t kForThoseBelow = 8;
    share_among_owners(end < patient_.size() ? budget - budget / kForThoseBelow : budget);
    const std::span<const std::size_t> equals = std::span(patient_).subspan(begin, end - begin);
    for (const Portion& owner : owners_) {
      if (owner.given == 0) continue;
      of_owner_.clear();
      std::ranges::copy_if(equals, std::back_inserter(of_owner_),
                           [&](std::size_t i) { return runnable[i].owner == owner.owner; });
      share_within_owner(runnable, of_owner_, owner.given);
      budget -= owner.given;
    }
  }
}

void Scheduler::share_in_turn(std::span<const Runnable> runnable, std::int64_t budget,
                              std::int64_t urgent_rows) {
  const std::size_t urgent = plan_.size();
  for (const std::size_t i : patient_) {
    const Demand& demand = runnable[i].demand;
    if (budget == 0) break;
    std::int64_t rows =
        rows_without_cut(rows_of(demand, std::min(wanted_[i], budget)), demand.indivisible);
    if (rows == 0 && plan_.size() == urgent) {
      const std::int64_t together = demand.indivisible.front().end;
      if (urgent_rows + together > limits_.max_step) plan_.clear();  // it is their turn
      rows = together;
    }
    if (rows == 0) continue;
    plan_.push_back({i, rows});
    budget -= std::min(parts_of(demand, rows), budget);
  }
}

double Scheduler::encoded_a_row(const StepCostModel& costs, double depth) const {
  const Seconds row = costs.of_row(depth);
  const Seconds encoded = costs.of_encoded();
  return row > 0 && encoded > 0 ? row / encoded : limits_.encoded_a_row;
}

bool Scheduler::encodes(std::span<const Runnable> runnable) const {
  return std::ranges::any_of(patient_, [&](std::size_t i) { return runnable[i].demand.encodes; });
}

void Scheduler::count_parts(std::span<const Runnable> runnable, const StepCostModel& costs,
                            const StepBounds& bounds, double depth) {
  parts_ = {};
  wanted_.resize(runnable.size());
  if (!encodes(runnable)) {
    for (const std::size_t i : patient_) wanted_[i] = runnable[i].demand.rows;
    return;
  }
  const double rate = encoded_a_row(costs, depth);
  parts_ = rate >= 1 ? Parts{rate, 1} : Parts{1, 1 / rate};
  const auto encoders =
      std::ranges::count_if(patient_, [&](std::size_t i) { return runnable[i].demand.encodes; });
  const auto others = std::ssize(patient_) - encoders;
  for (const std::size_t i : patient_) {
    const Demand& demand = runnable[i].demand;
    std::int64_t rows = demand.rows;
    if (bounds.patience) {
      const std::int64_t most =
          demand.encodes ? bounds.max_encoded / encoders : bounds.max_patient / others;
      rows = std::min(rows, std::max<std::int64_t>(most, 1));
    }
    wanted_[i] = parts_of(demand, rows);
  }
}

std::int64_t Scheduler::parts_of(const Demand& demand, std::int64_t rows) const {
  return whole(
      std::ceil(static_cast<double>(rows) * (demand.encodes ? parts_.encoded : parts_.row)));
}

std::int64_t Scheduler::rows_of(const Demand& demand, std::int64_t parts) const {
  const double each = demand.encodes ? parts_.encoded : parts_.row;
  return std::clamp<std::int64_t>(whole(static_cast<double>(parts) / each), 1, demand.rows);
}

void Scheduler::make_rows(std::span<const Runnable> runnable,
                          std::span<PlannedShare> shares) const {
  const auto demand_of = [&](const PlannedShare& share) -> const Demand& {
    return runnable[share.index].demand;
  };
  const auto size_of = [&](const PlannedShare& share) {
    return demand_of(share).encodes ? parts_.encoded : parts_.row;
  };
  // The largest share that is counted in single parts.
  PlannedShare* fine = nullptr;
  for (PlannedShare& share : shares)
    if (size_of(share) <= 1 && (fine == nullptr || share.rows > fine->rows)) fine = &share;
  double over = 0;  // parts that others have more than they were given
  for (PlannedShare& share : shares) {
    if (&share == fine) continue;
    const auto given = static_cast<double>(share.rows);
    const double size = size_of(share);
    const double most = size / 2;
    const double rounded = fine == nullptr || size <= 1 ? 0 : most - std::clamp(over, -most, most);
    share.rows = rows_of(demand_of(share), whole(given + rounded));
    over += static_cast<double>(share.rows) * size - given;
  }
  if (fine == nullptr) return;
  const std::int64_t left = fine->rows - static_cast<std::int64_t>(std::ceil(over));
  fine->rows = std::clamp<std::int64_t>(left, 1, demand_of(*fine).rows);
}

std::int64_t Scheduler::patient_budget(std::span<const Runnable> runnable,
                                       const StepCostModel& costs, const StepBounds& bounds,
                                       std::int64_t urgent_rows, double depth) const {
  const auto parts = [&](std::int64_t rows) {
    return whole(static_cast<double>(rows) * parts_.row);
  };
  const std::int64_t room = parts(std::max<std::int64_t>(limits_.usual_step - urgent_rows, 0));
  if (!bounds.patience || patient_.empty()) return room;
  std::int64_t bounded = 0;
  if (costs.knows()) {
    // A step for them alone costs what any step does.
    const Seconds left = urgent_rows > 0 ? *bounds.patience : *bounds.patience - costs.expected({});
    const Seconds encoded = costs.of_encoded() / parts_.encoded;
    bounded = encodes(runnable) && encoded > 0 ? whole(std::max(left, 0.0) / encoded)
                                               : parts(costs.rows_within(left, depth));
  }
  // Where encoders take part, what each may have at most is in what it wants.
  if (!encodes(runnable)) bounded = std::min(bounded, bounds.max_patient);
  return std::min(room, std::max(bounded, parts(patient_rows(runnable))));
}

const std::vector<PlannedShare>& Scheduler::plan(std::span<const Runnable> runnable,
                                                 const StepCostModel& costs, StepBounds bounds) {
  sort_by_turn(runnable);
  plan_.clear();
  double depth = 0;
  std::int64_t rows = 0;
  for (const std::size_t i : patient_) {
    if (runnable[i].demand.encodes) continue;
    depth += static_cast<double>(runnable[i].demand.depth);
    ++rows;
  }
  if (rows > 0) depth /= static_cast<double>(rows);
  count_parts(runnable, costs, bounds, depth);
  const std::int64_t urgent_rows =
      share_among_urgent(runnable, limits_.usual_step - patient_rows(runnable), bounds.max_urgent);
  if (patient_.empty()) return plan_;
  const std::int64_t budget = patient_budget(runnable, costs, bounds, urgent_rows, depth);
  if (!std::ranges::all_of(patient_,
                           [&](std::size_t i) { return runnable[i].demand.indivisible.empty(); })) {
    share_in_turn(runnable, budget, urgent_rows);
    return plan_;
  }
  const std::size_t urgent = plan_.size();
  const auto share = [&](std::int64_t parts) {
    plan_.resize(urgent);
    share_by_owner(runnable, parts);
    make_rows(runnable, std::span(plan_).subspan(urgent));
  };
  share(budget);
  // Whom the rows went to may stand elsewhere than all in the mean.
  depth = 0;
  rows = 0;
  for (const PlannedShare& each : std::span(plan_).subspan(urgent)) {
    const Demand& demand = runnable[each.index].demand;
    if (demand.encodes) continue;
    depth += static_cast<double>(each.rows) * static_cast<double>(demand.depth);
    rows += each.rows;
  }
  if (rows == 0) return plan_;
  depth /= static_cast<double>(rows);
  count_parts(runnable, costs, bounds, depth);
  const std::int64_t corrected = patient_budget(runnable, costs, bounds, urgent_rows, depth);
  if (corrected != budget) share(corrected);
  return plan_;
}

}  // namespace sirocco
