#include "sirocco/engine/scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits) {
  if (limits_.step_rows < 1 || limits_.shared_step_rows < 1 || limits_.least_prompt_rows < 1 ||
      !(limits_.stall_bound > 0.0)) {
    throw InvalidArgument("the limits of a scheduler must be positive");
  }
  if (limits_.least_prompt_rows > limits_.step_rows) {
    throw InvalidArgument("least_prompt_rows is {} and a step has {} rows at most",
                          limits_.least_prompt_rows, limits_.step_rows);
  }
}

std::uint64_t Scheduler::last_served(SequenceId id) const {
  for (const Served& s : served_) {
    if (s.id == id) return s.step;
  }
  return 0;
}

std::vector<StepShare> Scheduler::plan(std::span<const Runnable> runnable,
                                       const StepCostModel& costs) {
  struct Waiting {
    Runnable what;
    std::uint64_t served;
  };
  std::vector<Waiting> decoding;
  std::vector<Waiting> prompts;
  std::int64_t prompt_rows = 0;
  for (const Runnable& r : runnable) {
    SIROCCO_CHECK(r.unread > 0);
    (r.decoding ? decoding : prompts).push_back({r, last_served(r.id)});
    if (!r.decoding) prompt_rows += r.unread;
  }
  const auto longest_waiting = [](const Waiting& a, const Waiting& b) {
    return a.served < b.served;  // stable: then in the order of arrival
  };
  std::stable_sort(decoding.begin(), decoding.end(), longest_waiting);
  std::stable_sort(prompts.begin(), prompts.end(), longest_waiting);

  // Prompts keep their least part even when the decoding sequences alone would fill the step; and
  // where a step is no larger than that, the two take turns.
  const std::int64_t step = limits_.step_rows;
  std::int64_t least = std::min<std::int64_t>(limits_.least_prompt_rows, prompt_rows);
  if (!decoding.empty() && least >= step) {
    const bool prompts_first = prompts.front().served < decoding.front().served;
    least = prompts_first ? step : step - 1;
  }
  const auto decode_rows = std::min<std::int64_t>(std::ssize(decoding), step - least);
  decoding.resize(static_cast<std::size_t>(decode_rows));
  std::int64_t budget = step - decode_rows;
  if (decode_rows > 0) {
    const std::int64_t bounded =
        costs.rows_within(limits_.stall_bound, limits_.shared_step_rows) - decode_rows;
    budget = std::min(budget, std::max(bounded, least));
  }

  // An even share each, the shortest first so that what they leave is shared by the others.
  if (std::ssize(prompts) > budget) prompts.resize(static_cast<std::size_t>(budget));
  std::vector<std::size_t> by_length(prompts.size());
  for (std::size_t i = 0; i < by_length.size(); ++i) by_length[i] = i;
  std::stable_sort(by_length.begin(), by_length.end(), [&](std::size_t a, std::size_t b) {
    return prompts[a].what.unread < prompts[b].what.unread;
  });
  std::vector<std::int64_t> shares(prompts.size());
  auto left = std::ssize(prompts);
  for (const std::size_t i : by_length) {
    shares[i] = std::min(prompts[i].what.unread, budget / left);
    budget -= shares[i];
    --left;
  }

  ++step_;
  std::vector<StepShare> plan;
  plan.reserve(decoding.size() + prompts.size());
  for (const Waiting& w : decoding) plan.push_back({w.what.id, 1});
  for (std::size_t i = 0; i < prompts.size(); ++i) plan.push_back({prompts[i].what.id, shares[i]});

  // Those that are gone are forgotten.
  std::vector<Served> served;
  served.reserve(runnable.size());
  for (const Runnable& r : runnable) {
    const bool now = std::any_of(plan.begin(), plan.end(),
                                 [&](const StepShare& share) { return share.id == r.id; });
    served.push_back({r.id, now ? step_ : last_served(r.id)});
  }
  served_ = std::move(served);
  return plan;
}

}  // namespace sirocco
