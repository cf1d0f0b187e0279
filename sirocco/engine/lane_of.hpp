#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/lane.hpp"
#include "sirocco/engine/lane_record.hpp"
#include "sirocco/engine/scheduler.hpp"
#include "sirocco/engine/statistics.hpp"
#include "sirocco/engine/step_history.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {

/// The lane of a kind of pipeline.
template <RunsWork P>
class LaneOf final : public Lane {
  using Work = typename P::Work;
  using Event = typename P::Event;

 public:
  LaneOf(std::shared_ptr<P> pipeline, SchedulerLimits limits, LaneSurroundings surroundings)
      : pipeline_(std::move(pipeline)),
        limits_(pipeline_->limits()),
        scheduler_(limits.fitted(*limits_)),
        around_(std::move(surroundings)) {
    statistics_->set_cache(pipeline_->cache_status());
  }
  ~LaneOf() override { cancel_all(); }

  const std::shared_ptr<const PipelineLimits>& limits() const { return limits_; }
  const std::shared_ptr<LaneStatistics>& statistics() const { return statistics_; }

  /// Takes a checked job in; any thread. Throws InvalidArgument when the pipeline was taken out,
  /// Busy when too many wait.
  void submit(typename P::CheckedJob job, const SubmitOptions& options,
              std::shared_ptr<Channel<Event>> channel) {
    const Seconds now = around_.clock();
    auto record = std::make_unique<Record>(
        Record{std::move(channel), options.owner, options.priority, now,
               options.time_limit ? now + *options.time_limit : kNever, 0, Queued{std::move(job)}});
    {
      const std::lock_guard lock(mutex_);
      if (closed_) throw InvalidArgument("the pipeline was taken out of its engine");
      around_.waiting->enter(options.owner);
      ++statistics_->queued;
      record->arrival = arrivals_++;
      inbox_.push_back(std::move(record));
    }
    around_.driver->ring();
  }

  bool tidy() override {
    bool any = take_in();
    any |= drop_unwanted(queued_);
    any |= drop_unwanted(active_);
    any |= admit();
    if (any) statistics_->set_cache(pipeline_->cache_status());
    return any;
  }

  LaneNeeds needs() override {
    LaneNeeds needs{.can_step = !flights_.empty()};
    StepLoad urgent;
    for (const Flight& flight : flights_) urgent += flight.urgent;
    for (const auto& record : active_) {
      const std::optional<Demand> demand = record->demand();
      if (!demand) continue;
      needs.can_step = true;
      if (demand->urgent)
        urgent += load_of(*demand, demand->rows);
      else
        needs.patient = true;
    }
    if (urgent.rows > 0)
      needs.urgent = (alone_costs_.knows() ? alone_costs_ : costs_).expected(urgent);
    return needs;
  }

  Seconds step(std::optional<Seconds> patience) override {
    const Seconds begin = around_.clock();
    while (std::ssize(flights_) < limits_->max_steps_in_flight && submit_step(patience)) {
    }
    if (!flights_.empty()) wait_for_oldest();
    statistics_->set_cache(pipeline_->cache_status());
    return around_.clock() - begin;
  }

  void cancel_all() override {
    while (!flights_.empty()) wait_for_oldest();
    close();
    take_in();
    const auto end = [&](auto& records) {
      for (auto& record : records) finish(*record, {.reason = FinishReason::kCancelled});
      records.clear();
    };
    end(queued_);
    end(active_);
  }

  bool empty() override {
    const std::lock_guard lock(mutex_);
    return inbox_.empty() && queued_.empty() && active_.empty();
  }
  bool waits_for_room() const override { return !queued_.empty(); }
  Seconds next_time_limit() const override {
    Seconds first = kNever;
    for (const auto& record : queued_) first = std::min(first, record->time_limit);
    for (const auto& record : active_) first = std::min(first, record->time_limit);
    return first;
  }
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
  static constexpr Seconds kNever = std::numeric_limits<Seconds>::infinity();

  using Record = LaneRecord<P>;
  using Queued = typename Record::Queued;
  using Active = typename Record::Active;
  using Records = std::vector<std::unique_ptr<Record>>;
  /// A step between its submission and its end.
  struct Flight {
    std::optional<Ticket> ticket;
    std::vector<Record*> records;
    std::vector<StepLoad> loads;  // of each record
    StepLoad load;
    StepLoad urgent;  // of those that others wait for
  };

  bool take_in() {
    const std::lock_guard lock(mutex_);
    for (auto& record : inbox_) {
      around_.owners->arrive(record->owner);
      queued_.push_back(std::move(record));
    }
    const bool any = !inbox_.empty();
    inbox_.clear();
    return any;
  }

  /// The end of a request: what it held is given back before its caller is told.
  void finish(Record& record, Ending ending) {
    const Seconds now = around_.clock();
    Finished finished{ending.reason, ending.error, std::move(ending.message), {}, {}};
    if (const auto* queued = std::get_if<Queued>(&record.state)) {
      finished.usage = queued->job.usage();
      finished.timings.queued_s = now - record.since;
      leave_queue(record);
    } else {
      const Active& active = record.active();
      finished.usage = active.work.usage();
      finished.timings = {active.since - record.since, active.first.value_or(now) - active.since,
                          active.first ? active.last - *active.first : 0.0};
      statistics_->generated_rows += static_cast<std::uint64_t>(finished.usage.generated);
      --statistics_->active;
      around_.owners->end(record.owner);
    }
    around_.owners->leave(record.owner);
    ++statistics_->finished[static_cast<std::size_t>(finished.reason)];
    record.state = finished;
    record.channel->finish(std::move(finished));
  }
  void leave_queue(const Record& record) {
    around_.waiting->leave(record.owner);
    --statistics_->queued;
  }

  /// Ends those that nobody wants any more, or whose time is over, when they are in no step.
  bool drop_unwanted(Records& records) {
    if (records.empty()) return false;
    const Seconds now = around_.clock();
    const auto gone = std::erase_if(records, [&](const auto& record) {
      const std::optional<Ending> ending = record->unwanted(now);
      if (!ending) return false;
      if (auto* active = std::get_if<Active>(&record->state); active && active->steps > 0) {
        active->leaving = ending;
        return false;
      }
      finish(*record, *ending);
      return true;
    });
    return gone > 0;
  }

  bool admit() {
    bool any = false;
    for (; !queued_.empty(); any = true) {
      const auto next = next_to_begin();
      std::unique_ptr<Record> record = std::move(*next);
      try {
        std::optional<Work> work = pipeline_->begin(std::get<Queued>(record->state).job);
        if (!work) {
          *next = std::move(record);
          return any;
        }
        leave_queue(*record);
        record->state.template emplace<Active>(Active{std::move(*work), around_.clock()});
        count_begin(*record);
        active_.push_back(std::move(record));
      } catch (const std::exception& e) {
        finish(*record, failed_ending(e));
      }
      queued_.erase(next);
    }
    return any;
  }
  /// The highest priority first, where waiting counts; then whose owner has least, then in the
  /// order of arrival. Nobody overtakes it while it waits for room, or the large would wait for
  /// ever.
  typename Records::iterator next_to_begin() {
    const auto came = [&](const auto& record) {
      return record->since - around_.priority_worth * record->priority;
    };
    const int priority = (*std::ranges::min_element(queued_, {}, came))->priority;
    return std::ranges::min_element(queued_, [&](const auto& a, const auto& b) {
      if (a->priority != b->priority) return a->priority == priority;
      return around_.owners->before(a->owner, b->owner);
    });
  }
  void count_begin(Record& record) {
    const Active& active = record.active();
    const Usage usage = active.work.usage();
    around_.owners->begin(record.owner);
    ++statistics_->active;
    statistics_->prompt_rows += static_cast<std::uint64_t>(usage.prompt);
    statistics_->cached_rows += static_cast<std::uint64_t>(usage.cached);
    statistics_->queue_seconds.observe(active.since - record.since);
  }

  /// One more step in flight; false when nobody can take part.
  bool submit_step(std::optional<Seconds> patience) {
    runnable_.clear();
    places_.clear();
    std::int64_t urgent = 0;
    for (std::size_t i = 0; i < active_.size(); ++i) {
      Record& record = *active_[i];
      const std::optional<Demand> demand = record.demand();
      if (!demand) continue;
      runnable_.push_back(
          {*demand, record.active().served, record.owner, record.priority, record.arrival});
      urgent += runnable_.back().demand.urgent ? 1 : 0;
      places_.push_back(i);
    }
    if (runnable_.empty()) return false;
    // Those who wait for their next event are spread over the steps that may be in flight.
    const std::int64_t free = limits_->max_steps_in_flight - std::ssize(flights_);
    if (urgent > 0 && history_.alone_is_due()) leave_to_urgent();
    const auto& plan = scheduler_.plan(runnable_, costs_,
                                       {.patience = patience,
                                        .max_patient = history_.max_patient(),
                                        .max_urgent = (urgent + free - 1) / free,
                                        .max_encoded = history_.max_encoded()});
    ++plans_;
    Flight flight = std::move(spare_);
    flight.records.clear();
    flight.loads.clear();
    flight.load = flight.urgent = {};
    shares_.clear();
    for (const PlannedShare& share : plan) {
      const Demand& demand = runnable_[share.index].demand;
      const StepLoad load = load_of(demand, share.rows);
      flight.load += load;
      if (demand.urgent) flight.urgent += load;
      Record& record = *active_[places_[share.index]];
      Active& active = record.active();
      active.served = plans_;
      ++active.steps;
      shares_.push_back({&active.work, share.rows});
      flight.loads.push_back(load);
      flight.records.push_back(&record);
    }
    history_.add(flight.load, flight.urgent);
    try {
      flight.ticket = pipeline_->submit(shares_);
      flights_.push_back(std::move(flight));
    } catch (const std::exception& e) {
      end_failed(flight, e);
    }
    return true;
  }

  void end_failed(const Flight& flight, const std::exception& e) {
    for (Record* record : flight.records) {
      Active& active = record->active();
      --active.steps;
      if (!active.leaving) active.leaving = failed_ending(e);
    }
    let_leave(flight);
  }
  /// Ends those of a step that was which have no reason to go on.
  void let_leave(const Flight& flight) {
    bool any = false;
    for (Record* record : flight.records) {
      const Active& active = record->active();
      if (!active.leaving || active.steps > 0) continue;
      finish(*record, Ending(*active.leaving));
      any = true;
    }
    if (!any) return;
    std::erase_if(active_, [](const auto& record) {
      return std::holds_alternative<Finished>(record->state);
    });
  }

  /// Nobody else takes part in the step that is put together.
  void leave_to_urgent() {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < runnable_.size(); ++i) {
      if (!runnable_[i].demand.urgent) continue;
      runnable_[kept] = runnable_[i];
      places_[kept++] = places_[i];
    }
    runnable_.resize(kept);
    places_.resize(kept);
  }

  void wait_for_oldest() {
    Flight flight = std::move(flights_.front());
    flights_.erase(flights_.begin());
    Seconds seconds = 0;
    try {
      seconds = pipeline_->wait(std::move(*flight.ticket));
    } catch (const std::exception& e) {
      return end_failed(flight, e);
    }
    costs_.observe(flight.load, seconds);
    if (flight.load == flight.urgent) alone_costs_.observe(flight.load, seconds);
    statistics_->step_seconds.observe(seconds);
    statistics_->step_works.observe(static_cast<double>(flight.records.size()));
    statistics_->step_rows.observe(static_cast<double>(flight.load.rows));
    const Seconds of_row = seconds / scheduler_.in_rows(flight.load, costs_);
    const Seconds now = around_.clock();
    for (std::size_t i = 0; i < flight.records.size(); ++i) {
      Record& record = *flight.records[i];
      around_.owners->charge(record.owner, of_row * scheduler_.in_rows(flight.loads[i], costs_));
      --record.active().steps;
      if (!record.active().leaving) deliver(record, now);
    }
    let_leave(flight);
    spare_ = std::move(flight);
  }

  void deliver(Record& record, Seconds now) {
    Active& active = record.active();
    while (std::optional<Event> event = active.work.next_event()) {
      if (!active.first) {
        active.first = now;
        statistics_->first_seconds.observe(now - record.since);
      } else if (now > active.last) {
        statistics_->gap_seconds.observe(now - active.last);
      }
      active.last = now;
      record.channel->push(std::move(*event));
    }
    active.leaving = active.work.ending();
  }

  std::shared_ptr<P> pipeline_;
  const std::shared_ptr<const PipelineLimits> limits_;
  Scheduler scheduler_;
  StepCostModel costs_;
  StepCostModel alone_costs_;  // of steps of urgent work alone
  const LaneSurroundings around_;
  const std::shared_ptr<LaneStatistics> statistics_ = std::make_shared<LaneStatistics>();

  std::mutex mutex_;  // of the three that follow
  Records inbox_;
  std::uint64_t arrivals_ = 0;
  bool closed_ = false;

  Records queued_;               // in the order of their arrival
  Records active_;               // in the order of their beginning
  std::vector<Flight> flights_;  // the oldest first
  std::uint64_t plans_ = 0;
  StepHistory history_;
  // Of the step that is put together, kept for their memory.
  std::vector<Runnable> runnable_;
  std::vector<std::size_t> places_;
  std::vector<Share<Work>> shares_;
  Flight spare_;
};

}  // namespace sirocco
