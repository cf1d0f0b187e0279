#include "sirocco/cli/interrupt.hpp"

namespace sirocco {
namespace {

// A signal handler reaches nothing but globals.
volatile std::sig_atomic_t interrupted = 0;

void remember(int) { interrupted = 1; }

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  // Writing goes on; poll, which waits for keys, returns all the same.
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &before_);
}

InterruptGuard::~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }

bool InterruptGuard::pressed() const { return interrupted != 0; }

void InterruptGuard::forget() { interrupted = 0; }

}  // namespace sirocco
