#include "sirocco/cli/job_signals.hpp"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>

#include "sirocco/cli/ranks.hpp"

namespace sirocco {
namespace {

// A signal handler reaches nothing but globals.
constexpr std::int64_t kNever = -1;
std::atomic<std::int64_t> sign_of_end = kNever;  // ms of the steady clock
std::atomic<bool> stage_is_lost = false;
static_assert(std::atomic<std::int64_t>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);

// What a signal handler may call.
std::int64_t steady_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void on_continue(int, siginfo_t* info, void*) {
  // mpirun's daemon on this machine, or mpirun, is what started the process.
  if (info->si_code == SI_USER && info->si_pid == getppid()) sign_of_end = steady_ms();
}

void on_terminate(int) {
  // SIGKILL follows soon in the second case, and until then the reason may become known.
  if (stage_is_lost || job_may_be_ending()) return;
  std::signal(SIGTERM, SIG_DFL);
  std::raise(SIGTERM);
}

}  // namespace

void follow_job_signals() {
  if (job_size() == 1) return;
  if (job_rank() > 0) {
    std::signal(SIGTERM, SIG_IGN);
    std::signal(SIGINT, SIG_IGN);
  } else {
    struct sigaction terminate {};
    terminate.sa_handler = on_terminate;
    terminate.sa_flags = SA_RESTART;
    sigaction(SIGTERM, &terminate, nullptr);
  }
  struct sigaction go_on {};
  go_on.sa_sigaction = on_continue;
  go_on.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGCONT, &go_on, nullptr);
}

bool job_may_be_ending() {
  constexpr std::int64_t kLongEnough = 3000;
  const std::int64_t began = sign_of_end;
  return began != kNever && steady_ms() - began <= kLongEnough;
}

void note_request_to_end() { sign_of_end = steady_ms(); }

void note_lost_stage() { stage_is_lost = true; }

}  // namespace sirocco
