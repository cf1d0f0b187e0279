#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/channel.hpp"
#include "sirocco/engine/scheduler.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {

/// What an engine counts. Written by the thread that drives it and by those that submit.
struct EngineCounters {
  std::atomic<std::int64_t> queued = 0;
  std::atomic<std::int64_t> active = 0;
  std::atomic<std::uint64_t> finished = 0;
  std::atomic<std::uint64_t> steps = 0;
  std::atomic<std::uint64_t> rows = 0;
};

/// What the lanes of an engine share.
struct LaneSurroundings {
  std::function<Seconds()> clock;
  std::shared_ptr<WakeUp> driver;
  std::shared_ptr<EngineCounters> counters;
  std::size_t max_queued = 0;  ///< requests that wait for room, in all lanes together
};

/// One pipeline of an engine with the requests on it, whatever its kind. All but `close` belongs to
/// the thread that drives the engine.
class Lane {
 public:
  virtual ~Lane() = default;

  /// Takes in what was submitted, lets go of what was cancelled, and begins what has room. True
  /// when any of that happened.
  virtual bool tidy() = 0;
  /// Whether a step could be submitted or waited for.
  virtual bool can_step() = 0;
  /// Submits steps while works and tickets are there, then waits for the oldest. Returns the
  /// seconds that it took.
  virtual Seconds step() = 0;
  /// Ends every request as cancelled.
  virtual void cancel_all() = 0;
  /// Whether anybody waits for room, holds some, or is about to come in.
  virtual bool empty() = 0;
  /// Whether somebody waits for room that another holder of the pipeline's may give back.
  virtual bool waits_for_room() const = 0;
  /// Nothing more is accepted. Thread-safe.
  virtual void close() = 0;
  virtual bool closed() = 0;
  /// Lets the pipeline go. No request is left.
  virtual void let_go() = 0;

  Seconds used = 0;   ///< time spent on it; the lane with the least goes next
  bool rests = true;  ///< had nothing to do when it was last looked at
};

/// The lane of a kind of pipeline. A request is `Queued`, then `Active`, then `Finished`; each of
/// them holds what exists then and nothing else.
template <RunsWork P>
class LaneOf final : public Lane {
  using Work = typename P::Work;
  using Event = typename P::Event;

 public:
  LaneOf(std::shared_ptr<P> pipeline, SchedulerLimits limits, LaneSurroundings surroundings)
      : pipeline_(std::move(pipeline)),
        limits_(pipeline_->limits()),
        scheduler_(fitted(limits, *limits_)),
        around_(std::move(surroundings)) {}
  ~LaneOf() override { cancel_all(); }

  const std::shared_ptr<const PipelineLimits>& limits() const { return limits_; }

  /// Takes a checked job in; any thread. Throws InvalidArgument when the pipeline was taken out,
  /// ResourceExhausted when too many wait.
  void submit(typename P::CheckedJob job, std::shared_ptr<Channel<Event>> channel) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) throw InvalidArgument("the pipeline was taken out of its engine");
      const std::int64_t waiting = around_.counters->queued.fetch_add(1);
      if (waiting >= static_cast<std::int64_t>(around_.max_queued)) {
        around_.counters->queued.fetch_sub(1);
        throw ResourceExhausted("{} requests are waiting already; try again later", waiting);
      }
      inbox_.push_back(std::make_unique<Record>(
          Record{std::move(channel), Queued{std::move(job), around_.clock()}}));
    }
    around_.driver->ring();
  }

  bool tidy() override {
    bool any = false;
    {
      const std::lock_guard lock(mutex_);
      any = !inbox_.empty();
      std::move(inbox_.begin(), inbox_.end(), std::back_inserter(queued_));
      inbox_.clear();
    }
    any |= drop_cancelled(queued_);
    any |= drop_cancelled(idle_);
    return admit() || any;
  }

  bool can_step() override {
    return !flights_.empty() ||
           std::ranges::any_of(idle_, [](const auto& record) { return !record->channel->full(); });
  }

  Seconds step() override {
    const Seconds begin = around_.clock();
    while (std::ssize(flights_) < limits_->max_steps_in_flight && submit_step()) {
    }
    if (!flights_.empty()) wait_for_oldest();
    return around_.clock() - begin;
  }

  void cancel_all() override {
    while (!flights_.empty()) wait_for_oldest();
    close();
    tidy();
    const auto end = [&](auto& records) {
      for (auto& record : records) finish(*record, {.reason = FinishReason::kCancelled});
      records.clear();
    };
    end(queued_);
    end(idle_);
  }

  bool empty() override {
    const std::lock_guard lock(mutex_);
    return inbox_.empty() && queued_.empty() && idle_.empty() && flights_.empty();
  }
  bool waits_for_room() const override { return !queued_.empty(); }
  void close() override {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  bool closed() override {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  void let_go() override { pipeline_.reset(); }

 private:
  struct Queued {
    typename P::CheckedJob job;
    Seconds since;
  };
  struct Active {
    Work work;
    Seconds since;  // when it was admitted
    Seconds queued_s;
    std::optional<Seconds> first = std::nullopt;  // when its first event came
    Seconds last = 0;
    std::uint64_t served = 0;
  };
  struct Record {
    std::shared_ptr<Channel<Event>> channel;
    std::variant<Queued, Active, Finished> state;
    Active& active() { return std::get<Active>(state); }
  };
  using Records = std::vector<std::unique_ptr<Record>>;
  /// A step between its submission and its end.
  struct Flight {
    Ticket ticket;
    Records records;
    std::int64_t rows;
  };

  static SchedulerLimits fitted(SchedulerLimits limits, const PipelineLimits& pipeline) {
    limits.max_step = pipeline.max_step;
    limits.usual_step = std::min(std::max(limits.usual_step, pipeline.usual_step), limits.max_step);
    limits.min_patient_rows = std::min(limits.min_patient_rows, limits.usual_step);
    return limits;
  }

  /// The end of a request: what it held is given back before its caller is told.
  void finish(Record& record, Ending ending) {
    const Seconds now = around_.clock();
    Finished finished{ending.reason, ending.error, std::move(ending.message), {}, {}};
    if (const auto* queued = std::get_if<Queued>(&record.state)) {
      finished.usage = queued->job.usage();
      finished.timings.queued_s = now - queued->since;
      --around_.counters->queued;
    } else {
      const Active& active = record.active();
      finished.usage = active.work.usage();
      finished.timings = {active.queued_s, active.first.value_or(now) - active.since,
                          active.first ? active.last - *active.first : 0.0};
      --around_.counters->active;
    }
    ++around_.counters->finished;
    record.state = finished;
    record.channel->finish(std::move(finished));
  }

  static Ending failure(const std::exception& e) {
    const auto* error = dynamic_cast<const Error*>(&e);
    return {FinishReason::kFailed, error != nullptr ? std::optional(error->kind()) : std::nullopt,
            e.what()};
  }

  template <class Container>
  bool drop_cancelled(Container& records) {
    const auto gone = std::erase_if(records, [&](const auto& record) {
      if (!record->channel->cancelled()) return false;
      finish(*record, {.reason = FinishReason::kCancelled});
      return true;
    });
    return gone > 0;
  }

  bool admit() {
    bool any = false;
    for (; !queued_.empty(); any = true) {
      std::unique_ptr<Record>& record = queued_.front();
      Queued& queued = std::get<Queued>(record->state);
      try {
        std::optional<Work> work = pipeline_->begin(queued.job);
        if (!work) return any;
        const Seconds now = around_.clock();
        const Seconds since = queued.since;
        record->state.template emplace<Active>(Active{std::move(*work), now, now - since});
        --around_.counters->queued;
        ++around_.counters->active;
        idle_.push_back(std::move(record));
      } catch (const std::exception& e) {
        finish(*record, failure(e));
      }
      queued_.pop_front();
    }
    return any;
  }

  /// One more step in flight; false when nobody can take part.
  bool submit_step() {
    runnable_.clear();
    places_.clear();
    std::int64_t urgent = 0;
    for (std::size_t i = 0; i < idle_.size(); ++i) {
      if (idle_[i]->channel->full()) continue;
      const Active& active = idle_[i]->active();
      runnable_.push_back({active.work.demand(), active.served});
      urgent += runnable_.back().demand.urgent ? 1 : 0;
      places_.push_back(i);
    }
    if (runnable_.empty()) return false;
    // Those who wait for their next event are spread over the steps that may be in flight.
    const std::int64_t free = limits_->max_steps_in_flight - std::ssize(flights_);
    const auto& plan = scheduler_.plan(runnable_, costs_, (urgent + free - 1) / free);

    ++plans_;
    Records records = std::move(spare_);
    records.clear();
    shares_.clear();
    std::int64_t rows = 0;
    for (const PlannedShare& share : plan) {
      std::unique_ptr<Record>& record = idle_[places_[share.index]];
      record->active().served = plans_;
      shares_.push_back({&record->active().work, share.rows});
      rows += share.rows;
      records.push_back(std::move(record));
    }
    std::erase(idle_, nullptr);
    try {
      flights_.push_back({pipeline_->submit(shares_), std::move(records), rows});
    } catch (const std::exception& e) {
      for (auto& record : records) finish(*record, failure(e));
    }
    return true;
  }

  void wait_for_oldest() {
    Flight flight = std::move(flights_.front());
    flights_.erase(flights_.begin());
    try {
      costs_.observe(flight.rows, pipeline_->wait(std::move(flight.ticket)));
    } catch (const std::exception& e) {
      for (auto& record : flight.records) finish(*record, failure(e));
      return;
    }
    ++around_.counters->steps;
    around_.counters->rows += static_cast<std::uint64_t>(flight.rows);
    const Seconds now = around_.clock();
    for (auto& record : flight.records) {
      deliver(*record, now);
      if (std::holds_alternative<Active>(record->state)) idle_.push_back(std::move(record));
    }
    spare_ = std::move(flight.records);
  }

  void deliver(Record& record, Seconds now) {
    Active& active = record.active();
    while (std::optional<Event> event = active.work.next_event()) {
      if (!active.first) active.first = now;
      active.last = now;
      record.channel->push(std::move(*event));
    }
    if (active.work.ending()) finish(record, Ending(*active.work.ending()));
  }

  std::shared_ptr<P> pipeline_;
  const std::shared_ptr<const PipelineLimits> limits_;
  Scheduler scheduler_;
  StepCostModel costs_;
  const LaneSurroundings around_;

  std::mutex mutex_;  // of the two that follow
  Records inbox_;
  bool closed_ = false;

  std::deque<std::unique_ptr<Record>> queued_;
  Records idle_;                 // active ones in no step
  std::vector<Flight> flights_;  // the oldest first
  std::uint64_t plans_ = 0;
  // Of the step that is put together, kept for their memory.
  std::vector<Runnable> runnable_;
  std::vector<std::size_t> places_;
  std::vector<Share<Work>> shares_;
  Records spare_;
};

}  // namespace sirocco
