#include "sirocco/engine/engine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

namespace sirocco {
namespace {

// How long room that somebody outside the engine holds is waited for before it is asked for again:
// nobody tells when it is given back.
constexpr Seconds kAskAgain = 0.005;
constexpr Seconds kNoStep = -1;

Seconds steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

struct Engine::State {
  State(Machine& m, EngineOptions o) : machine(m), options(std::move(o)) {
    if (!options.clock) options.clock = steady_seconds;
    if (options.max_events < 1) throw InvalidArgument("max_events is 0; it must be at least 1");
    if (!(options.max_slowdown > 1)) {
      throw InvalidArgument("max_slowdown is {}; it must be above 1", options.max_slowdown);
    }
    if (!(options.priority_worth >= 0)) {
      throw InvalidArgument("priority_worth is {} s; it must be at least 0",
                            options.priority_worth);
    }
    const Scheduler check(options.scheduler);
  }

  Machine& machine;
  EngineOptions options;
  const std::shared_ptr<WakeUp> driver = std::make_shared<WakeUp>();
  const std::shared_ptr<WaitingRoom> waiting =
      std::make_shared<WaitingRoom>(options.max_queued, options.max_queued_of_owner);
  const std::shared_ptr<OwnerAccounts> owners = std::make_shared<OwnerAccounts>();
  std::atomic<std::uint64_t> steps = 0;
  std::atomic<Seconds> step_began = kNoStep;

  std::mutex mutex;  // of the lanes
  std::vector<std::shared_ptr<Lane>> lanes;
  std::condition_variable lane_left;

  std::thread thread;
  std::atomic<bool> stopping = false;

  /// The lanes, for the thread that drives: those that were closed and have ended leave first.
  const std::vector<std::shared_ptr<Lane>>& lanes_now() {
    const std::lock_guard lock(mutex);
    const auto left = std::erase_if(lanes, [](const std::shared_ptr<Lane>& lane) {
      if (!lane->closed() || !lane->empty()) return false;
      lane->let_go();
      return true;
    });
    if (left > 0) lane_left.notify_all();
    now_ = lanes;
    return now_;
  }

  bool holds(const Lane& lane) {
    const std::lock_guard lock(mutex);
    return std::ranges::any_of(lanes, [&](const auto& l) { return l.get() == &lane; });
  }

  bool step() {
    bool any = false;
    Round round;
    can_step_.clear();
    for (const std::shared_ptr<Lane>& lane : lanes_now()) {
      any |= lane->tidy();
      const LaneNeeds needs = lane->needs();
      if (!needs.can_step) {
        lane->rests = true;
        continue;
      }
      // Time that it had no use for isn't owed to it.
      if (lane->rests) lane->used = std::max(lane->used, floor_);
      lane->rests = false;
      round.urgent += needs.urgent;
      round.patient += needs.patient ? 1 : 0;
      if (needs.urgent > 0) round.stepped = std::min(round.stepped, lane->stepped);
      can_step_.push_back({lane.get(), needs.urgent > 0});
    }
    if (can_step_.empty()) return any;
    Lane& next = next_lane(round);
    floor_ = next.used;
    step_began = options.clock();
    next.used += next.step(patience(round));
    step_began = kNoStep;
    next.stepped = ++steps;
    return true;
  }

  bool waits_for_room() {
    return std::ranges::any_of(now_, [](const auto& lane) { return lane->waits_for_room(); });
  }
  /// How long the driver may sleep when nothing can go on: until it is rung, or has to look itself.
  Seconds longest_sleep() {
    Seconds until = std::numeric_limits<Seconds>::infinity();
    for (const auto& lane : now_) until = std::min(until, lane->next_time_limit());
    const Seconds sleep = std::max(until - options.clock(), 0.0);
    return waits_for_room() ? std::min(sleep, kAskAgain) : sleep;
  }

 private:
  /// What the lanes that can step have to do until each was served once.
  struct Round {
    Seconds urgent = 0;                  // that all steps of urgent work alone take
    int patient = 0;                     // lanes that have work that can wait
    std::uint64_t stepped = UINT64_MAX;  // the step of the urgent lane that was served longest ago
  };
  struct Candidate {
    Lane* lane;
    bool urgent;
  };

  /// The lane that has used the least time. One in which nobody waits takes its turn once in a
  /// round, however much it is owed: its steps would add up for those who wait.
  Lane& next_lane(const Round& round) const {
    Lane* next = nullptr;
    for (const Candidate& candidate : can_step_) {
      if (!candidate.urgent && round.urgent > 0 && round.stepped <= candidate.lane->stepped)
        continue;
      if (next == nullptr || candidate.lane->used < next->used) next = candidate.lane;
    }
    return *next;
  }
  /// What work that can wait may take of a round, each lane's part of it.
  std::optional<Seconds> patience(const Round& round) const {
    if (round.urgent <= 0 || round.patient == 0) return std::nullopt;
    return round.urgent * (options.max_slowdown - 1) / round.patient;
  }

  std::vector<Candidate> can_step_;
  std::vector<std::shared_ptr<Lane>> now_;
  Seconds floor_ = 0;  // the time used by whoever had used least at the last step
};

Engine::Engine(Machine& machine, EngineOptions options)
    : state_(std::make_unique<State>(machine, std::move(options))) {}

Engine::~Engine() {
  stop();
  for (const std::shared_ptr<Lane>& lane : state_->lanes_now()) {
    lane->cancel_all();
    lane->let_go();
  }
}

Machine& Engine::machine() const { return state_->machine; }
const EngineOptions& Engine::options() const { return state_->options; }
const std::shared_ptr<WakeUp>& Engine::driver() const { return state_->driver; }

LaneSurroundings Engine::surroundings() const {
  return {state_->options.clock, state_->driver, state_->waiting, state_->owners,
          state_->options.priority_worth};
}

void Engine::add_lane(std::shared_ptr<Lane> lane) {
  const std::lock_guard lock(state_->mutex);
  state_->lanes.push_back(std::move(lane));
}

void Engine::remove_lane(Lane& lane) {
  State& s = *state_;
  lane.close();
  if (s.thread.joinable()) {
    s.driver->ring();
    std::unique_lock lock(s.mutex);
    s.lane_left.wait(lock, [&] {
      return std::ranges::none_of(s.lanes, [&](const auto& l) { return l.get() == &lane; });
    });
    return;
  }
  while (s.holds(lane)) {
    if (!s.step() && s.holds(lane))
      lane.cancel_all();  // it waits for readers, of whom none is left
  }
}

bool Engine::step() { return state_->step(); }

void Engine::run() {
  while (step()) {
  }
}

void Engine::start() {
  SIROCCO_CHECK(!state_->thread.joinable());
  state_->stopping = false;
  state_->thread = std::thread([&s = *state_] {
    while (!s.stopping) {
      if (s.step()) continue;
      s.driver->wait_for(s.longest_sleep());
    }
  });
}

void Engine::stop() {
  if (!state_->thread.joinable()) return;
  state_->stopping = true;
  state_->driver->ring();
  state_->thread.join();
}

EngineStats Engine::stats() const {
  EngineStats stats{state_->waiting->size(), state_->steps, std::nullopt};
  const Seconds began = state_->step_began;
  if (began != kNoStep) stats.in_step = state_->options.clock() - began;
  return stats;
}

}  // namespace sirocco
