#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco::engine_testing {

struct CountingJob {
  int first = 0;             ///< the next number is said first
  int rows = 1;              ///< to be read before
  int count = 1;             ///< numbers to say
  int whole = 0;             ///< rows at the front that can't be cut
  std::int64_t encoded = 0;  ///< encoders' work to be done before that
};

/// What fakes can be told to do at a number: the step that would say it fails, or its work does.
constexpr int kStepThrows = 666;
constexpr int kWaitThrows = 667;
constexpr int kWorkFails = 778;

class CheckedCountingJob {
 public:
  explicit CheckedCountingJob(CountingJob job) : job_(job) {}
  CheckedCountingJob(CheckedCountingJob&&) = default;
  CheckedCountingJob& operator=(CheckedCountingJob&&) = default;
  int terms() const { return job_.count; }
  Usage usage() const { return {.prompt = job_.rows}; }
  const CountingJob& job() const { return job_; }

 private:
  CountingJob job_;
};

/// Numbers one after the other: first its rows are read, then it says a number a row.
class CountingWork {
 public:
  CountingWork(CountingJob job, Seat seat) : job_(job), seat_(std::move(seat)) {
    if (job_.whole > 0) whole_ = IndivisibleRows{0, job_.whole};
  }
  CountingWork(CountingWork&&) = default;
  CountingWork& operator=(CountingWork&&) = default;

  Demand demand() const {
    if (job_.encoded > 0) return {.rows = job_.encoded, .encodes = true};
    if (read_ == job_.rows) return {.rows = 1, .urgent = true, .depth = read_ + said_};
    Demand demand{.rows = job_.rows - read_, .depth = read_};
    if (whole_ && read_ == 0) demand.indivisible = std::span(&*whole_, 1);
    return demand;
  }
  std::optional<int> next_event() { return std::exchange(event_, std::nullopt); }
  const std::optional<Ending>& ending() const { return ending_; }
  Usage usage() const { return {job_.rows, 0, said_}; }

  bool in_step = false;
  void take(std::int64_t rows) {
    if (job_.encoded > 0) {
      job_.encoded -= rows;
      return;
    }
    if (read_ < job_.rows) read_ += static_cast<int>(rows);
    if (read_ < job_.rows) return;
    const int number = job_.first + said_;
    if (number == kWorkFails) {
      ending_ = Ending{FinishReason::kFailed, ErrorKind::kNotANumber, "no number"};
      return;
    }
    event_ = number;
    if (++said_ == job_.count) ending_ = Ending{.reason = FinishReason::kLength};
  }
  int next() const { return job_.first + said_; }

 private:
  CountingJob job_;
  Seat seat_;
  std::optional<IndivisibleRows> whole_;
  int read_ = 0;
  int said_ = 0;
  std::optional<int> event_;
  std::optional<Ending> ending_;
};

/// Runs such works, up to three at a time. Time is what its steps say it is.
class CountingPipeline : public Pipeline {
 public:
  using Job = CountingJob;
  using Terms = int;
  using CheckedJob = CheckedCountingJob;
  using Work = CountingWork;
  using Event = int;

  struct Options {
    int max_step = 16;
    int max_sequences = 3;
    int max_steps_in_flight = 1;
    double* clock = nullptr;
    double cost = 0.01;    ///< seconds a step
    double row_cost = 0;   ///< of each of its rows
    double seen_cost = 0;  ///< of each position that they look at
    double kink_cost = 0;  ///< of each row behind the eighth, besides
    int max_context = 80;
    double encoded_cost = 0;   ///< of encoders' work, each
    double encoded_a_row = 0;  ///< as its limits have it
  };
  CountingPipeline() : CountingPipeline(Options{}) {}
  explicit CountingPipeline(Options options) : options_(options) {
    PipelineLimits limits;
    limits.max_context = options.max_context;
    limits.max_step = options.max_step;
    limits.usual_step = options.max_step > 16 && options.max_context == 80 ? 16 : options.max_step;
    limits.max_sequences = options.max_sequences;
    limits.max_steps_in_flight = options.max_steps_in_flight;
    limits.encoded_a_row = options.encoded_a_row;
    limits_ = std::make_shared<const PipelineLimits>(limits);
  }
  const ModelInfo& info() const override { return info_; }
  std::vector<StagePlacement> placement() const override { return {}; }
  std::shared_ptr<const PipelineLimits> limits() const override { return limits_; }

  static CheckedCountingJob check(const PipelineLimits& limits, CountingJob job) {
    if (job.count < 1) throw InvalidArgument("count is {}", job.count);
    if (job.rows + job.count > limits.max_context)
      throw ResourceExhausted("{} of {}", job.rows + job.count, limits.max_context);
    return CheckedCountingJob(job);
  }
  std::optional<CountingWork> begin(CheckedCountingJob& job) {
    if (job.job().first < 0) throw FormatError("begins at {}", job.job().first);
    if (*running >= options_.max_sequences || full) return std::nullopt;
    return CountingWork(job.job(), Seat(running));
  }
  Ticket submit(std::span<const Share<CountingWork>> shares) {
    std::int64_t rows = 0;
    for (const Share<CountingWork>& share : shares) {
      SIROCCO_CHECK(!share.work->in_step);  // in one step at a time
      if (!share.work->demand().encodes) rows += share.rows;
      if (share.work->next() == kStepThrows) throw FormatError("broken");
    }
    SIROCCO_CHECK(!shares.empty() && rows <= options_.max_step);
    SIROCCO_CHECK(std::ssize(flights_) < options_.max_steps_in_flight);
    for (const Share<CountingWork>& share : shares) share.work->in_step = true;
    flights_.emplace_back(shares.begin(), shares.end());
    step_rows.push_back(rows);
    step_works.push_back(shares.size());
    max_in_flight = std::max(max_in_flight, flights_.size());
    return Ticket(next_ticket_++);
  }
  double wait(Ticket ticket) {
    SIROCCO_CHECK(ticket.number() == first_ticket_++);
    const std::vector<Share<CountingWork>> shares = std::move(flights_.front());
    flights_.pop_front();
    ++steps;
    double cost = options_.cost;
    std::int64_t rows = 0;
    for (const Share<CountingWork>& share : shares)
      if (!share.work->demand().encodes) rows += share.rows;
    cost += options_.kink_cost * static_cast<double>(std::max<std::int64_t>(rows - 8, 0));
    for (const Share<CountingWork>& share : shares) {
      const auto depth = static_cast<double>(share.work->demand().depth);
      if (share.work->demand().encodes) {
        cost += static_cast<double>(share.rows) * options_.encoded_cost;
        continue;
      }
      cost += static_cast<double>(share.rows) * (options_.row_cost + options_.seen_cost * depth);
    }
    for (const Share<CountingWork>& share : shares)
      if (share.work->next() == kWaitThrows) throw std::runtime_error("lost");
    for (const Share<CountingWork>& share : shares) {
      share.work->in_step = false;
      share.work->take(share.rows);
    }
    if (options_.clock != nullptr) *options_.clock += cost;
    return cost;
  }

  const std::shared_ptr<int> running = std::make_shared<int>(0);
  bool full = false;  ///< somebody else has all the room
  int steps = 0;
  std::vector<std::int64_t> step_rows;
  std::vector<std::size_t> step_works;
  std::size_t max_in_flight = 0;

 private:
  Options options_;
  ModelInfo info_;
  std::shared_ptr<const PipelineLimits> limits_;
  std::deque<std::vector<Share<CountingWork>>> flights_;
  std::uint64_t next_ticket_ = 1;
  std::uint64_t first_ticket_ = 1;
};

/// Another kind, so that an engine has lanes of two.
class OtherPipeline final : public CountingPipeline {
 public:
  using CountingPipeline::CountingPipeline;
};

static_assert(RunsWork<CountingPipeline> && RunsWork<OtherPipeline>);

}  // namespace sirocco::engine_testing
