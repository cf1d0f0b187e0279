#include "sirocco/cli/interrupt.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// A signal handler reaches nothing but globals.
volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t wake_up_descriptor = -1;

void remember(int) {
  interrupted = 1;
  InterruptGuard::wake_up();
}

}  // namespace

void InterruptGuard::wake_up() noexcept {
  const int error = errno;
  // A flag alone would be missed between a look at it and a wait, or when another thread takes the
  // signal.
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_up_descriptor, &one, sizeof one);
  errno = error;
}

InterruptGuard::InterruptGuard() : wake_up_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_up_ < 0) throw IoError("no file descriptor is left to wait for keys with");
  interrupted = 0;
  wake_up_descriptor = wake_up_;
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &before_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &before_, nullptr);
  wake_up_descriptor = -1;
  close(wake_up_);
}

bool InterruptGuard::pressed() const { return interrupted != 0; }

void InterruptGuard::forget() {
  interrupted = 0;
  std::uint64_t count = 0;
  [[maybe_unused]] const auto emptied = read(wake_up_, &count, sizeof count);
}

InterruptGuard::Woken InterruptGuard::wait_for(int descriptor) const {
  while (true) {
    pollfd waits[] = {{wake_up_, POLLIN, 0}, {descriptor, POLLIN, 0}};
    const int count = poll(waits, 2, -1);
    if (pressed()) return Woken::kInterrupt;
    if (count <= 0) continue;
    if (waits[0].revents != 0) {
      std::uint64_t ignored = 0;
      [[maybe_unused]] const auto emptied = read(wake_up_, &ignored, sizeof ignored);
      return pressed() ? Woken::kInterrupt : Woken::kOther;
    }
    if (waits[1].revents != 0) return Woken::kKey;
  }
}

}  // namespace sirocco
