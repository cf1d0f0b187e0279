#include "sirocco/engine/engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

struct RequestHandle::Shared {
  Shared(SequenceId i, std::int64_t l) : id(i), limit(l) {}
  const SequenceId id;
  const std::int64_t limit;
  std::atomic<bool> cancelled = false;
  std::mutex mutex;
  std::condition_variable ended;
  std::optional<Finished> result;
};

SequenceId RequestHandle::id() const { return shared_->id; }
std::int64_t RequestHandle::limit() const { return shared_->limit; }
void RequestHandle::cancel() const { shared_->cancelled.store(true, std::memory_order_release); }
bool RequestHandle::finished() const { return result().has_value(); }

Finished RequestHandle::wait() const {
  std::unique_lock lock(shared_->mutex);
  shared_->ended.wait(lock, [&] { return shared_->result.has_value(); });
  return *shared_->result;
}

std::optional<Finished> RequestHandle::result() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->result;
}

namespace {

Seconds steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::uint64_t machine_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long size = sysconf(_SC_PAGE_SIZE);
  if (pages <= 0 || size <= 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size);
}

SchedulerLimits fitted(SchedulerLimits limits, const Pipeline& pipeline) {
  limits.step_rows = std::min(limits.step_rows, pipeline.largest_step());
  limits.least_prompt_rows = std::min(limits.least_prompt_rows, limits.step_rows);
  return limits;
}

}  // namespace

struct Engine::State {
  using Shared = RequestHandle::Shared;

  struct Job {
    Sequence sequence;
    std::shared_ptr<Shared> shared;
    std::shared_ptr<TokenSink> sink;
    std::vector<TokenId> end_tokens;  // sorted
    FinishReason at_limit;            // what reaching the limit means
  };

  // One pipeline and its sequences. Only the driving thread touches it, but for what is const.
  struct Lane {
    Lane(std::shared_ptr<Pipeline> p, const SchedulerLimits& limits)
        : pipeline(std::move(p)), scheduler(fitted(limits, *pipeline)) {}
    const std::shared_ptr<Pipeline> pipeline;
    Scheduler scheduler;
    StepCostModel costs;
    std::deque<std::unique_ptr<Job>> queued;
    std::vector<std::unique_ptr<Job>> active;
    Seconds used = 0;  // time spent on it; the least one goes next
  };

  explicit State(EngineOptions o)
      : options(std::move(o)),
        ledger(options.memory_limit == 0 ? machine_memory() : options.memory_limit) {
    if (!options.clock) options.clock = steady_seconds;
    if (options.default_max_tokens < 1) {
      throw InvalidArgument("default_max_tokens is {}; it must be at least 1",
                            options.default_max_tokens);
    }
    Scheduler check(options.scheduler);
  }

  Seconds now() const { return options.clock(); }

  EngineOptions options;
  ByteLedger ledger;

  mutable std::mutex mutex;  // of what follows, up to `stopping`
  std::condition_variable wake;
  std::vector<std::unique_ptr<Lane>> lanes;  // grows only
  std::vector<std::pair<Lane*, std::unique_ptr<Job>>> inbox;
  EngineStats stats;
  std::uint64_t next_id = 1;
  bool stopping = false;

  std::thread thread;

  Lane& lane(PipelineId id) {
    const auto at = static_cast<std::size_t>(id.value());
    if (id.value() < 0 || at >= lanes.size()) {
      throw InvalidArgument("there is no pipeline {}; the engine has {}", id.value(), lanes.size());
    }
    return *lanes[at];
  }

  // The end of a request; its job is gone afterwards.
  void finish(Lane& at, std::unique_ptr<Job> job, FinishReason reason, std::string message = {}) {
    const bool active = std::holds_alternative<Active>(job->sequence.state());
    job->sequence.finish(reason, now(), std::move(message));
    if (active) at.pipeline->retire(job->sequence.id());
    const Finished& finished = std::get<Finished>(job->sequence.state());
    if (job->sink) job->sink->on_finish(finished);
    {
      const std::lock_guard lock(mutex);
      --(active ? stats.active : stats.queued);
      ++stats.finished;
    }
    const std::lock_guard lock(job->shared->mutex);
    job->shared->result = finished;
    job->shared->ended.notify_all();
  }

  const std::vector<Lane*>& collect() {
    collected_.clear();
    const std::lock_guard lock(mutex);
    for (auto& [to, job] : inbox) to->queued.push_back(std::move(job));
    inbox.clear();
    for (const auto& l : lanes) collected_.push_back(l.get());
    return collected_;
  }

  template <class Jobs>
  bool drop_cancelled(Lane& at, Jobs& jobs) {
    bool any = false;
    for (std::size_t i = 0; i < jobs.size();) {
      if (!jobs[i]->shared->cancelled.load(std::memory_order_acquire)) {
        ++i;
        continue;
      }
      std::unique_ptr<Job> job = std::move(jobs[i]);
      jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i));
      finish(at, std::move(job), FinishReason::kCancelled);
      any = true;
    }
    return any;
  }

  void admit(Lane& at) {
    while (!at.queued.empty()) {
      Sequence& sequence = at.queued.front()->sequence;
      try {
        if (!at.pipeline->admit(sequence.id(), sequence.worst_case_positions())) return;
      } catch (const std::exception& e) {
        std::unique_ptr<Job> job = std::move(at.queued.front());
        at.queued.pop_front();
        finish(at, std::move(job), FinishReason::kFailed, e.what());
        continue;
      }
      sequence.admit(now());
      at.active.push_back(std::move(at.queued.front()));
      at.queued.pop_front();
      const std::lock_guard lock(mutex);
      --stats.queued;
      ++stats.active;
    }
  }

  // What its new token means for a request: its end, or nothing.
  struct Ending {
    FinishReason reason;
    std::string message;
  };
  std::optional<Ending> deliver(Job& job, TokenId token) {
    if (std::binary_search(job.end_tokens.begin(), job.end_tokens.end(), token)) {
      return Ending{FinishReason::kStop, {}};
    }
    job.sequence.append(token, now());
    try {
      if (job.sink && job.sink->on_token(token) == Verdict::kStop) {
        return Ending{FinishReason::kStop, {}};
      }
    } catch (const std::exception& e) {
      return Ending{FinishReason::kFailed, e.what()};
    }
    if (std::ssize(job.sequence.generated()) >= job.sequence.limit()) {
      return Ending{job.at_limit, {}};
    }
    return std::nullopt;
  }

  std::optional<Ending> outcome(Job& job, const StepItemResult& item) {
    if (item.fault) return Ending{FinishReason::kFailed, std::string(step_fault_text(*item.fault))};
    return item.token ? deliver(job, *item.token) : std::nullopt;
  }

  void take_out(Lane& at, SequenceId id, const Ending& ending) {
    const auto found = std::find_if(at.active.begin(), at.active.end(),
                                    [&](const auto& job) { return job->sequence.id() == id; });
    std::unique_ptr<Job> job = std::move(*found);
    at.active.erase(found);
    finish(at, std::move(job), ending.reason, ending.message);
  }

  void step(Lane& at) {
    runnable_.clear();
    for (const auto& job : at.active) {
      const Active& active = std::get<Active>(job->sequence.state());
      runnable_.push_back({job->sequence.id(), std::ssize(job->sequence.unread()),
                           std::holds_alternative<Decoding>(active.phase)});
    }
    const std::vector<StepShare>& plan = at.scheduler.plan(runnable_, at.costs);

    batch_.clear();
    jobs_.clear();
    std::int64_t rows = 0;
    for (const StepShare& share : plan) {
      Job& job = **std::find_if(at.active.begin(), at.active.end(),
                                [&](const auto& j) { return j->sequence.id() == share.id; });
      const std::span<const TokenId> unread = job.sequence.unread();
      const auto count = static_cast<std::size_t>(share.rows);
      Wanted wanted = NoOutput{};
      if (count == unread.size())
        wanted = WantToken{&job.sequence.sampler(), job.sequence.tokens(), 0};
      batch_.push_back({share.id, unread.first(count), wanted});
      jobs_.push_back(&job);
      rows += share.rows;
    }

    const Seconds begin = now();
    const StepResult* result = nullptr;
    try {
      result = &at.pipeline->step(batch_);
    } catch (const std::exception& e) {
      // Their caches may be half-way between two steps.
      for (const StepShare& share : plan) take_out(at, share.id, {FinishReason::kFailed, e.what()});
      return;
    }
    const Seconds took = now() - begin;
    at.costs.observe(rows, took);
    at.used += took;
    {
      const std::lock_guard lock(mutex);
      ++stats.steps;
      stats.rows += static_cast<std::uint64_t>(rows);
    }

    for (std::size_t i = 0; i < plan.size(); ++i) {
      Job& job = *jobs_[i];
      const Active& active = std::get<Active>(job.sequence.state());
      if (std::holds_alternative<Prefilling>(active.phase)) job.sequence.read(plan[i].rows);
      if (const auto ending = outcome(job, result->items[i])) take_out(at, plan[i].id, *ending);
    }
  }

  bool step() {
    const std::vector<Lane*>& all = collect();
    bool any = false;
    Lane* next = nullptr;
    Seconds least_busy = -1;
    for (Lane* l : all) {
      any |= drop_cancelled(*l, l->queued);
      any |= drop_cancelled(*l, l->active);
      const bool idle = l->active.empty();
      admit(*l);
      if (l->active.empty()) continue;
      // Time that it had no use for isn't owed to it.
      if (idle) l->used = std::max(l->used, floor_);
      if (least_busy < 0 || l->used < least_busy) {
        least_busy = l->used;
        next = l;
      }
    }
    if (next == nullptr) return any;
    floor_ = least_busy;
    step(*next);
    return true;
  }

 private:
  // Of the step that runs, kept for their memory.
  std::vector<Lane*> collected_;
  std::vector<Runnable> runnable_;
  StepBatch batch_;
  std::vector<Job*> jobs_;
  Seconds floor_ = 0;  // the time used by whoever had used least at the last step
};

Engine::Engine(EngineOptions options) : state_(std::make_unique<State>(std::move(options))) {}

Engine::~Engine() {
  stop();
  for (State::Lane* lane : state_->collect()) {
    for (auto& job : lane->queued) state_->finish(*lane, std::move(job), FinishReason::kCancelled);
    for (auto& job : lane->active) state_->finish(*lane, std::move(job), FinishReason::kCancelled);
  }
}

ByteLedger& Engine::ledger() { return state_->ledger; }

PipelineId Engine::add(std::shared_ptr<Pipeline> pipeline) {
  if (pipeline == nullptr) throw InvalidArgument("there is no pipeline to add");
  auto lane = std::make_unique<State::Lane>(std::move(pipeline), state_->options.scheduler);
  const std::lock_guard lock(state_->mutex);
  state_->lanes.push_back(std::move(lane));
  return PipelineId(static_cast<std::int32_t>(state_->lanes.size()) - 1);
}

RequestHandle Engine::submit(PipelineId pipeline, Request request) {
  State& s = *state_;
  State::Lane* lane = nullptr;
  SequenceId id;
  {
    const std::lock_guard lock(s.mutex);
    lane = &s.lane(pipeline);
    id = SequenceId(s.next_id++);
  }
  const Pipeline& p = *lane->pipeline;
  const std::int64_t vocabulary = p.info().vocabulary;
  const std::int64_t context = p.context();
  const auto prompt = static_cast<std::int64_t>(request.prompt.size());
  if (prompt == 0) throw InvalidArgument("prompt: there are no tokens");
  for (const TokenId token : request.prompt) {
    if (token.value() < 0 || token.value() >= vocabulary) {
      throw InvalidArgument("prompt: there is no token {} in a vocabulary of {}", token.value(),
                            vocabulary);
    }
  }
  if (prompt > context) {
    throw InvalidArgument("prompt: {} tokens don't fit into the context of {}", prompt, context);
  }
  // The last token is never read, so it takes no room.
  const std::int64_t room = context - prompt + 1;
  FinishReason at_limit = FinishReason::kLength;
  std::int64_t limit = s.options.default_max_tokens;
  if (request.max_tokens) {
    limit = *request.max_tokens;
    if (limit < 1) throw InvalidArgument("max_tokens is {}; it must be at least 1", limit);
    if (limit > room) {
      throw InvalidArgument(
          "max_tokens: {} tokens behind a prompt of {} don't fit into the context of {}; {} would",
          limit, prompt, context, room);
    }
  } else if (limit >= room) {
    limit = room;
    at_limit = FinishReason::kContextFull;
  }
  p.check_admissible(prompt + limit - 1);

  std::sort(request.end_tokens.begin(), request.end_tokens.end());
  Sampler sampler(std::move(request.sampling), vocabulary, {prompt, limit, request.end_tokens});
  auto shared = std::make_shared<RequestHandle::Shared>(id, limit);
  auto job = std::make_unique<State::Job>(
      State::Job{Sequence(id, std::move(request.prompt), std::move(sampler), limit, s.now()),
                 shared, std::move(request.sink), std::move(request.end_tokens), at_limit});
  {
    const std::lock_guard lock(s.mutex);
    if (s.stats.queued >= s.options.max_queued) {
      throw ResourceExhausted("{} requests are waiting already; try again later", s.stats.queued);
    }
    ++s.stats.queued;
    s.inbox.emplace_back(lane, std::move(job));
  }
  s.wake.notify_one();
  return RequestHandle(std::move(shared));
}

bool Engine::step() { return state_->step(); }

void Engine::run() {
  while (step()) {
  }
}

void Engine::start() {
  SIROCCO_CHECK(!state_->thread.joinable());
  state_->stopping = false;
  state_->thread = std::thread([this] {
    State& s = *state_;
    for (;;) {
      const bool worked = s.step();
      std::unique_lock lock(s.mutex);
      if (s.stopping) return;
      if (worked) continue;
      const auto ready = [&] { return s.stopping || !s.inbox.empty(); };
      if (s.stats.queued > s.inbox.size()) {
        // Someone outside the engine holds the room: nobody tells when it is given back.
        s.wake.wait_for(lock, std::chrono::milliseconds(5), ready);
      } else {
        s.wake.wait(lock, ready);
      }
    }
  });
}

void Engine::stop() {
  if (!state_->thread.joinable()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  state_->thread.join();
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stats;
}

}  // namespace sirocco
