#include "sirocco/engine/engine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace sirocco {
namespace {

// How long room that somebody outside the engine holds is waited for before it is asked for again:
// nobody tells when it is given back.
constexpr Seconds kAskAgain = 0.005;

Seconds steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

struct Engine::State {
  State(Machine& m, EngineOptions o) : machine(m), options(std::move(o)) {
    if (!options.clock) options.clock = steady_seconds;
    if (options.max_events < 1) throw InvalidArgument("max_events is 0; it must be at least 1");
    const Scheduler check(options.scheduler);
  }

  Machine& machine;
  EngineOptions options;
  const std::shared_ptr<WakeUp> driver = std::make_shared<WakeUp>();
  const std::shared_ptr<EngineCounters> counters = std::make_shared<EngineCounters>();

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
    Lane* next = nullptr;
    for (const std::shared_ptr<Lane>& lane : lanes_now()) {
      any |= lane->tidy();
      if (!lane->can_step()) {
        lane->rests = true;
        continue;
      }
      // Time that it had no use for isn't owed to it.
      if (lane->rests) lane->used = std::max(lane->used, floor_);
      lane->rests = false;
      if (next == nullptr || lane->used < next->used) next = lane.get();
    }
    if (next == nullptr) return any;
    floor_ = next->used;
    next->used += next->step();
    return true;
  }

  bool waits_for_room() {
    return std::ranges::any_of(now_, [](const auto& lane) { return lane->waits_for_room(); });
  }

 private:
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
  return {state_->options.clock, state_->driver, state_->counters, state_->options.max_queued};
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
      if (s.waits_for_room())
        s.driver->wait_for(kAskAgain);
      else
        s.driver->wait();
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
  const EngineCounters& c = *state_->counters;
  return {static_cast<std::size_t>(c.queued.load()), static_cast<std::size_t>(c.active.load()),
          c.finished, c.steps, c.rows};
}

}  // namespace sirocco
