#include "sirocco/cli/end_of_serving.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "sirocco/base/error.hpp"

namespace sirocco {

EndOfServing::EndOfServing() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  signalled_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
  lost_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signalled_ >= 0 && lost_ >= 0) return;
  if (signalled_ >= 0) close(signalled_);
  throw IoError("no file descriptor is left to wait for signals with");
}

EndOfServing::~EndOfServing() {
  close(signalled_);
  close(lost_);
}

void EndOfServing::lose(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (why_) return;
  why_ = why;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(lost_, &one, sizeof one);
}

std::optional<std::string> EndOfServing::loss() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

void EndOfServing::wait() {
  std::array<pollfd, 2> ends = {{{signalled_, POLLIN, 0}, {lost_, POLLIN, 0}}};
  while (true) {
    poll(ends.data(), ends.size(), -1);
    if (signals() > 0 || loss()) return;
  }
}

int EndOfServing::signals() {
  signalfd_siginfo info{};
  while (read(signalled_, &info, sizeof info) == sizeof info) ++count_;
  return count_;
}

}  // namespace sirocco
