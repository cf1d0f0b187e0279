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

const std::vector<StepShare>& Scheduler::plan(std::span<const Runnable> runnable,
                                              const StepCostModel& costs) {
  decoding_.clear();
  prompts_.clear();
  std::int64_t prompt_rows = 0;
  for (std::size_t i = 0; i < runnable.size(); ++i) {
    const Runnable& r = runnable[i];
    SIROCCO_CHECK(r.unread > 0);
    (r.decoding ? decoding_ : prompts_).push_back({r, last_served(r.id), i});
    if (!r.decoding) prompt_rows += r.unread;
  }
  const auto longest_waiting = [](const Waiting& a, const Waiting& b) {
    return a.served != b.served ? a.served < b.served : a.arrival < b.arrival;
  };
  std::sort(decoding_.begin(), decoding_.end(), longest_waiting);
  std::sort(prompts_.begin(), prompts_.end(), longest_waiting);

  // Prompts keep their least part even when the decoding sequences alone would fill the step; and
  // where a step is no larger than that, the two take turns.
  const std::int64_t step = limits_.step_rows;
  std::int64_t least = std::min<std::int64_t>(limits_.least_prompt_rows, prompt_rows);
  if (!decoding_.empty() && least >= step) {
    const bool prompts_first = prompts_.front().served < decoding_.front().served;
    least = prompts_first ? step : step - 1;
  }
  const auto decode_rows = std::min<std::int64_t>(std::ssize(decoding_), step - least);
  decoding_.resize(static_cast<std::size_t>(decode_rows));
  std::int64_t budget = step - decode_rows;
  if (decode_rows > 0) {
    const std::int64_t bounded =
        costs.rows_within(limits_.stall_bound, limits_.shared_step_rows) - decode_rows;
    budget = std::min(budget, std::max(bounded, least));
  }

  // An even share each, the shortest first so that what they leave is shared by the others.
  if (std::ssize(prompts_) > budget) prompts_.resize(static_cast<std::size_t>(budget));
  by_length_.resize(prompts_.size());
  for (std::size_t i = 0; i < by_length_.size(); ++i) by_length_[i] = i;
  std::sort(by_length_.begin(), by_length_.end(), [&](std::size_t a, std::size_t b) {
    const std::int64_t unread_a = prompts_[a].what.unread;
    const std::int64_t unread_b = prompts_[b].what.unread;
    return unread_a != unread_b ? unread_a < unread_b : a < b;
  });
  shares_.resize(prompts_.size());
  auto left = std::ssize(prompts_);
  for (const std::size_t i : by_length_) {
    shares_[i] = std::min(prompts_[i].what.unread, budget / left);
    budget -= shares_[i];
    --left;
  }

  ++step_;
  plan_.clear();
  for (const Waiting& w : decoding_) plan_.push_back({w.what.id, 1});
  for (std::size_t i = 0; i < prompts_.size(); ++i)
    plan_.push_back({prompts_[i].what.id, shares_[i]});

  // Those that are gone are forgotten.
  served_now_.clear();
  for (const Runnable& r : runnable) {
    const bool now = std::any_of(plan_.begin(), plan_.end(),
                                 [&](const StepShare& share) { return share.id == r.id; });
    served_now_.push_back({r.id, now ? step_ : last_served(r.id)});
  }
  std::swap(served_, served_now_);
  return plan_;
}

}  // namespace sirocco
