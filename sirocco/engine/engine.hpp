#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/lane_of.hpp"
#include "sirocco/engine/request.hpp"
#include "sirocco/platform/machine.hpp"

namespace sirocco {

/// EngineOptions are what an engine's users share, and how evenly.
struct EngineOptions {
  SchedulerLimits scheduler;
  /// How long, compared with the steps of those who are being answered, it may take until each of
  /// them is served again when others' prompts come in; above 1. Steps differ, so that the longest
  /// wait is a third beyond it: three times an undisturbed one at most.
  double max_slowdown = 2.2;
  /// How long a step of priority is worth: a request goes before those of the next higher priority
  /// that came so much later, so that none waits for ever; at least 0.
  Seconds priority_worth = 30;
  std::size_t max_queued = 1024;          ///< requests that wait for room, at most
  std::size_t max_queued_of_owner = 512;  ///< of these, of one owner
  std::size_t max_events = 256;    ///< of one request that nobody has taken yet; then it pauses
  std::function<Seconds()> clock;  ///< a steady clock; the system's without
};

/// EngineStats are what may be read of an engine while it runs.
struct EngineStats {
  std::size_t queued = 0;   ///< requests that wait for room, in all lanes
  std::uint64_t steps = 0;  ///< that were begun since the engine was made
  /// For how long the step that runs has been running; nothing between steps. An engine that hangs
  /// is known by it.
  std::optional<Seconds> in_step = std::nullopt;
};

/// A Handle is a pipeline's place in an engine: what jobs for it are submitted to. Copies are the
/// same place. Thread-safe.
template <RunsWork P>
class Handle {
 public:
  /// What may be read of the pipeline on any thread.
  const PipelineLimits& limits() const { return *lane_->limits(); }
  const LaneStatistics& statistics() const { return *lane_->statistics(); }

 private:
  friend class Engine;
  explicit Handle(std::shared_ptr<LaneOf<P>> lane) : lane_(std::move(lane)) {}
  std::shared_ptr<LaneOf<P>> lane_;
};

/// An Engine is the runtime: several pipelines of any kinds on one machine, and the work on them. A
/// caller drives it step by step, or starts its thread. Pipelines share the time evenly while they
/// have work, and so do the owners of jobs; of one owner's jobs with one priority the first is
/// begun first. Nothing of a caller's runs on the driving thread but the ringing of its bell: what
/// comes of a job waits in a queue of its own, and the job with it when that is full.
///
/// submit and stats are thread-safe and don't wait for a step. step, run, start and stop belong to
/// one thread at a time.
class Engine {
 public:
  /// `machine` outlives the engine. Throws InvalidArgument for options out of range.
  explicit Engine(Machine& machine, EngineOptions options = {});
  /// Cancels what is left.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Machine& machine() const;

  template <RunsWork P>
  Handle<P> add(std::shared_ptr<P> pipeline) {
    if (pipeline == nullptr) throw InvalidArgument("there is no pipeline to add");
    auto lane =
        std::make_shared<LaneOf<P>>(std::move(pipeline), options().scheduler, surroundings());
    add_lane(lane);
    return Handle<P>(std::move(lane));
  }

  /// Takes a pipeline out: it accepts nothing more, and is let go when the work on it has ended.
  /// Returns then; drives the engine itself unless that has its own thread.
  template <RunsWork P>
  void remove(const Handle<P>& handle) {
    remove_lane(*handle.lane_);
  }

  /// Queues a job. Throws what its pipeline's check says of it, InvalidArgument when the pipeline
  /// was taken out, and Busy when too many wait.
  template <RunsWork P>
  [[nodiscard]] Request<P> submit(const Handle<P>& handle, typename P::Job job,
                                  const SubmitOptions& with = {}) {
    typename P::CheckedJob checked = P::check(handle.limits(), std::move(job));
    using Event = typename P::Event;
    auto channel = std::make_shared<Channel<Event>>(options().max_events, driver(), with.bell);
    typename P::Terms terms = checked.terms();
    auto end = std::make_shared<const typename Request<P>::End>(std::move(terms), channel);
    handle.lane_->submit(std::move(checked), with, std::move(channel));
    return Request<P>(std::move(end));
  }

  /// One step of one pipeline. False when there was nothing to do.
  bool step();
  /// Steps until nothing is left that could go on. Work whose events nobody takes doesn't.
  void run();

  /// Drives the engine on a thread of its own until `stop`.
  void start();
  /// Ends the thread after the step that runs. Requests stay where they are.
  void stop();

  EngineStats stats() const;

 private:
  const EngineOptions& options() const;
  LaneSurroundings surroundings() const;
  const std::shared_ptr<WakeUp>& driver() const;
  void add_lane(std::shared_ptr<Lane> lane);
  void remove_lane(Lane& lane);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sirocco
