#include "sirocco/platform/thread_group.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/platform/cpu_set.hpp"
#include "sirocco/platform/float_environment.hpp"

namespace sirocco {
namespace {

using Body = FunctionRef<void(int)>;
using Clock = std::chrono::steady_clock;

// Two lines: x86 prefetches lines in pairs, and some ARM cores have lines of 128 bytes.
constexpr std::size_t kSeparation = 128;

// Ops of one step follow each other within microseconds; sampling between steps takes tens of them.
// A wake-up by the system costs about 50 microseconds, so waiting a few times that awake is worth
// it, and what comes later is an idle engine.
constexpr auto kSpinAlone = std::chrono::microseconds(5);
constexpr auto kSpin = std::chrono::microseconds(200);

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#else
  std::this_thread::yield();
#endif
}

/// True once `ready()` holds, false when it has not for as long as waiting awake is worth it. After
/// a first while it offers the core to whoever else can run on it; at once where `crowded`.
template <class Ready>
bool spin_until(Ready ready, bool crowded) noexcept {
  constexpr int kChecksBetweenClockReads = 32;
  for (int i = 0; i < kChecksBetweenClockReads; ++i) {
    if (ready()) return true;
    relax();
  }
  const Clock::time_point start = Clock::now();
  const auto alone = crowded ? Clock::duration::zero() : Clock::duration(kSpinAlone);
  const auto limit = crowded ? Clock::duration(kSpinAlone) : Clock::duration(kSpin);
  for (;;) {
    const auto waited = Clock::now() - start;
    if (waited >= limit) return ready();
    if (waited >= alone) {
      if (ready()) return true;
      std::this_thread::yield();
      continue;
    }
    for (int i = 0; i < kChecksBetweenClockReads; ++i) {
      if (ready()) return true;
      relax();
    }
  }
}

// The group whose body runs on this thread.
thread_local const void* running_here = nullptr;

void call(const void* group, Body body, int thread) noexcept {
  const ScopedFloatEnvironment defaults;
  running_here = group;
  body(thread);
  running_here = nullptr;
}

/// What one thread still has to do of a `for_ranges`: steps [front, back) in one word, so that its
/// owner (at the front) and thieves (at the back) agree by a single compare-and-swap. Relaxed
/// throughout: a step's data is published by the fork and the join, never by the share.
class Share {
 public:
  static constexpr std::int64_t kMaxSteps = 0xFFFFFFFF;

  void set(std::int64_t front, std::int64_t back) noexcept {
    steps_.store(pack(static_cast<std::uint64_t>(front), static_cast<std::uint64_t>(back)),
                 std::memory_order_relaxed);
  }
  /// The step taken, or -1 when none is left.
  std::int64_t take_front() noexcept { return take(true); }
  std::int64_t take_back() noexcept { return take(false); }

 private:
  static std::uint64_t pack(std::uint64_t front, std::uint64_t back) noexcept {
    return front << 32 | back;
  }

  std::int64_t take(bool at_front) noexcept {
    std::uint64_t steps = steps_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t front = steps >> 32;
      const std::uint64_t back = steps & kMaxSteps;
      if (front >= back) return -1;
      const std::uint64_t rest = at_front ? pack(front + 1, back) : pack(front, back - 1);
      if (steps_.compare_exchange_weak(steps, rest, std::memory_order_relaxed)) {
        return static_cast<std::int64_t>(at_front ? front : back - 1);
      }
    }
  }

  std::atomic<std::uint64_t> steps_{0};
};

/// Keeps the signals of the process away from threads created while it lives: handlers run on the
/// caller's thread, whose blocking calls they are meant to interrupt.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF}) {
      sigdelset(&all, fault);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

// A fork offers the op to each helper and begins a new epoch; a helper that sees the epoch change
// accepts its offer, works, and is idle again, for which the join waits. Where the caller can do
// without a helper that has not begun (it sleeps, or its core is busy with something else), it
// takes the offer back instead of waiting.
//
// Waiting threads announce themselves before they sleep, so that nobody makes a system call for a
// thread that is awake: the sequentially consistent pairs (epoch, parked) and (stage,
// caller_parked) each order "publish, then look for sleepers" against "announce, then look for what
// is published".
struct ThreadGroup::State {
  enum Stage : std::uint32_t { kIdle, kOffered, kWorking };

  struct alignas(kSeparation) Helper {
    std::atomic<std::uint32_t> stage{kIdle};
    std::thread thread;
  };
  struct alignas(kSeparation) SeparateShare {
    Share share;
  };
  enum class Attendance { kAll, kWhoeverHasBegun };

  /// The one op in progress: callers take turns. A second one from a body is a defect of ours.
  class Running {
   public:
    explicit Running(State& state) {
      const bool already_running = running_here == &state;
      SIROCCO_CHECK(!already_running);
      turn_ = std::unique_lock(state.turn);
    }

   private:
    std::unique_lock<std::mutex> turn_;
  };

  State(int threads, bool crowded_cores)
      : size(threads),
        crowded(crowded_cores),
        shares(static_cast<std::size_t>(threads)),
        helpers(static_cast<std::size_t>(threads - 1)) {}
  ~State() {
    fork(nullptr);
    for (Helper& helper : helpers) {
      if (helper.thread.joinable()) helper.thread.join();
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void fork(const Body* next) noexcept {
    body = next;
    for (Helper& helper : helpers) helper.stage.store(kOffered, std::memory_order_release);
    epoch.fetch_add(1, std::memory_order_seq_cst);
    if (parked.load(std::memory_order_seq_cst) != 0) epoch.notify_all();
  }

  void join(Attendance attendance) noexcept {
    for (Helper& helper : helpers) {
      std::uint32_t offered = kOffered;
      if (attendance == Attendance::kWhoeverHasBegun &&
          helper.stage.compare_exchange_strong(offered, kIdle, std::memory_order_acquire)) {
        continue;
      }
      const auto idle = [&] { return helper.stage.load(std::memory_order_acquire) == kIdle; };
      if (spin_until(idle, crowded)) continue;
      caller_parked.store(true, std::memory_order_seq_cst);
      for (std::uint32_t stage; (stage = helper.stage.load(std::memory_order_seq_cst)) != kIdle;) {
        helper.stage.wait(stage, std::memory_order_seq_cst);
      }
      caller_parked.store(false, std::memory_order_relaxed);
    }
  }

  void run(const Body& next, Attendance attendance) noexcept {
    if (size > 1) fork(&next);
    call(this, next, 0);
    if (size > 1) join(attendance);
  }

  void help(int thread) noexcept {
    Helper& self = helpers[static_cast<std::size_t>(thread - 1)];
    std::uint32_t seen = 0;
    for (;;) {
      const auto forked = [&] { return epoch.load(std::memory_order_acquire) != seen; };
      if (!spin_until(forked, crowded)) {
        parked.fetch_add(1, std::memory_order_seq_cst);
        epoch.wait(seen, std::memory_order_seq_cst);
        parked.fetch_sub(1, std::memory_order_relaxed);
      }
      // The epoch first: an offer that comes after this look at the stage changes it again.
      seen = epoch.load(std::memory_order_acquire);
      std::uint32_t offered = kOffered;
      if (!self.stage.compare_exchange_strong(offered, kWorking, std::memory_order_acquire)) {
        continue;
      }
      if (body == nullptr) return;
      call(this, *body, thread);
      self.stage.exchange(kIdle, std::memory_order_seq_cst);
      if (caller_parked.load(std::memory_order_seq_cst)) self.stage.notify_one();
    }
  }

  Share& share(int thread) noexcept { return shares[static_cast<std::size_t>(thread)].share; }

  /// Steps [0, steps) as one contiguous share a thread, the first ones larger by a step if need be.
  void deal(std::int64_t steps) noexcept {
    std::int64_t front = 0;
    for (int thread = 0; thread < size; ++thread) {
      const std::int64_t back = front + steps / size + (thread < steps % size ? 1 : 0);
      share(thread).set(front, back);
      front = back;
    }
  }

  const int size;
  const bool crowded;  ///< more threads than cores: whoever waits should make room
  std::optional<int> cpu_of_caller;
  std::vector<SeparateShare> shares;
  std::vector<Helper> helpers;
  std::mutex turn;

  alignas(kSeparation) std::atomic<std::uint32_t> epoch{0};
  const Body* body = nullptr;  ///< of the op on offer; null: leave
  alignas(kSeparation) std::atomic<std::uint32_t> parked{0};
  alignas(kSeparation) std::atomic<bool> caller_parked{false};
};

ThreadGroup::ThreadGroup(int threads, std::span<const int> cpus) {
  if (threads < 1) throw InvalidArgument("a thread group has at least 1 thread, not {}", threads);
  const std::size_t cores =
      cpus.empty() ? usable_cpus().size() : std::set<int>(cpus.begin(), cpus.end()).size();
  state_ = std::make_unique<State>(threads, static_cast<std::size_t>(threads) > cores);
  State& state = *state_;
  if (!cpus.empty()) state.cpu_of_caller = cpus.front();
  const SignalsBlocked signals;
  for (int thread = 1; thread < threads; ++thread) {
    std::thread& helper = state.helpers[static_cast<std::size_t>(thread - 1)].thread;
    try {
      helper = std::thread([&state, thread] { state.help(thread); });
    } catch (const std::system_error& refusal) {
      throw ResourceExhausted("the system refused thread {} of {} ({}); use fewer threads",
                              thread + 1, threads, refusal.code().message());
    }
    if (!cpus.empty()) {
      bind_thread(helper.native_handle(), cpus[static_cast<std::size_t>(thread) % cpus.size()]);
    }
  }
}

ThreadGroup::~ThreadGroup() = default;

int ThreadGroup::size() const { return state_->size; }

std::optional<int> ThreadGroup::cpu_of_caller() const { return state_->cpu_of_caller; }

void ThreadGroup::run(FunctionRef<void(int thread)> body) {
  const State::Running running(*state_);
  state_->run(body, State::Attendance::kAll);
}

void ThreadGroup::for_ranges(
    std::int64_t count, std::int64_t grain,
    FunctionRef<void(std::int64_t begin, std::int64_t end, int thread)> body) {
  SIROCCO_CHECK(count >= 0 && grain >= 1);
  State& state = *state_;
  const State::Running running(state);
  const std::int64_t all_steps = count / grain + (count % grain != 0 ? 1 : 0);
  for (std::int64_t base = 0; base < all_steps; base += Share::kMaxSteps) {
    const std::int64_t steps = std::min(all_steps - base, Share::kMaxSteps);
    const auto do_step = [&](std::int64_t step, int thread) {
      const std::int64_t begin = (base + step) * grain;
      body(begin, begin + std::min(grain, count - begin), thread);
    };
    state.deal(steps);
    const auto work = [&](int thread) {
      for (std::int64_t step; (step = state.share(thread).take_front()) >= 0;) {
        do_step(step, thread);
      }
      for (int away = 1; away < state.size; ++away) {
        Share& other = state.share((thread + away) % state.size);
        for (std::int64_t step; (step = other.take_back()) >= 0;) do_step(step, thread);
      }
    };
    // The caller's share comes first, so a single step is its own: nobody need be woken.
    if (steps == 1) {
      call(&state, work, 0);
    } else {
      state.run(work, State::Attendance::kWhoeverHasBegun);
    }
  }
}

}  // namespace sirocco
