#include "sirocco/cli/terminal/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kMarkPastes = "\x1b[?2004h";
constexpr std::string_view kLeavePastes = "\x1b[?2004l";

/// Bytes that come faster are no keys that a person presses one after the other.
constexpr std::chrono::milliseconds kTogether{30};

enum Settings : int { kBefore, kEditing, kAnswering, kSettings };

// A signal handler reaches nothing but globals.
termios settings[kSettings];
volatile std::sig_atomic_t current = kBefore;
volatile std::sig_atomic_t resized = 0;
volatile std::sig_atomic_t continued = 0;

struct Handled {
  int number;
  void (*handler)(int);
  struct sigaction before {};
};

/// Whether the terminal is this program's to change. In the background it is someone else's, and
/// who changes it all the same is stopped.
bool in_front() {
  const pid_t group = tcgetpgrp(STDIN_FILENO);
  return group < 0 || group == getpgrp();
}

void apply(int wanted) {
  if (in_front()) tcsetattr(STDIN_FILENO, TCSANOW, &settings[wanted]);
}

void say(std::string_view text) {
  [[maybe_unused]] const auto written = write(STDOUT_FILENO, text.data(), text.size());
}

void restore() {
  if (current == kEditing && in_front()) say(kLeavePastes);
  apply(kBefore);
}

void take_back() {
  apply(current);
  if (current == kEditing && in_front()) say(kMarkPastes);
  continued = 1;
  InterruptGuard::wake_up();
}

void on_end(int signal);
void on_stop(int signal);

void on_resize(int) {
  resized = 1;
  InterruptGuard::wake_up();
}

void on_continue(int) {
  const int error = errno;
  take_back();
  errno = error;
}

std::array handled = {
    Handled{SIGTERM, on_end},     Handled{SIGHUP, on_end},   Handled{SIGQUIT, on_end},
    Handled{SIGABRT, on_end},     Handled{SIGTSTP, on_stop}, Handled{SIGCONT, on_continue},
    Handled{SIGWINCH, on_resize},
};

void install(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

/// As if the signal had never been handled.
void on_end(int signal) {
  restore();
  for (const Handled& h : handled) {
    if (h.number == signal) sigaction(signal, &h.before, nullptr);
  }
  raise(signal);
}

void on_stop(int signal) {
  const int error = errno;
  restore();
  install(signal, SIG_DFL);
  sigset_t only;
  sigset_t mask;
  sigemptyset(&only);
  sigaddset(&only, signal);
  raise(signal);
  pthread_sigmask(SIG_UNBLOCK, &only, &mask);  // here it stops
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  install(signal, on_stop);
  take_back();
  errno = error;
}

bool noticed(volatile std::sig_atomic_t& flag) {
  const bool was_set = flag != 0;
  flag = 0;
  return was_set;
}

std::size_t number_in(const char* variable) {
  const char* text = std::getenv(variable);
  std::size_t value = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), value);
  return value;
}

bool readable(int milliseconds) {
  pollfd wait{STDIN_FILENO, POLLIN, 0};
  return poll(&wait, 1, milliseconds) > 0;
}

}  // namespace

bool moves_its_cursor() {
  const char* term = std::getenv("TERM");
  return term != nullptr && !std::string_view(term).empty() && std::string_view(term) != "dumb";
}

std::optional<TerminalSize> terminal_size() {
  constexpr std::size_t kMost = 10'000;
  winsize size{};
  TerminalSize out{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) out = {size.ws_col, size.ws_row};
  if (out.columns == 0) out.columns = number_in("COLUMNS");
  if (out.rows == 0) out.rows = number_in("LINES");
  if (out.columns == 0 || out.columns > kMost) return std::nullopt;
  if (out.rows == 0 || out.rows > kMost) out.rows = 24;
  return out;
}

Terminal::Terminal(InterruptGuard& interrupts)
    : interrupts_(interrupts), dumb_(!moves_its_cursor()) {
  if (dumb_) return;
  if (tcgetattr(STDIN_FILENO, &settings[kBefore]) != 0)
    throw IoError("the terminal can't be set up: {}; give the prompt with -p",
                  std::strerror(errno));
  termios answering = settings[kBefore];
  answering.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INLCR | IGNCR | ISTRIP | IXON);
  answering.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | IEXTEN);
  answering.c_lflag |= ISIG;
  answering.c_cc[VMIN] = 1;
  answering.c_cc[VTIME] = 0;
  settings[kAnswering] = answering;
  answering.c_lflag &= ~static_cast<tcflag_t>(ISIG);
  settings[kEditing] = answering;
  for (Handled& h : handled) {
    sigaction(h.number, nullptr, &h.before);
    if (h.before.sa_handler != SIG_IGN) install(h.number, h.handler);
  }
  current = kAnswering;
  apply(kAnswering);
}

Terminal::~Terminal() {
  if (dumb_) return;
  restore();
  current = kBefore;
  for (const Handled& h : handled) sigaction(h.number, &h.before, nullptr);
}

std::string Terminal::begin_editing() {
  if (dumb_) return {};
  current = kEditing;
  apply(kEditing);
  return std::string(kMarkPastes);
}

std::string Terminal::end_editing() {
  if (dumb_) return {};
  current = kAnswering;
  apply(kAnswering);
  return std::string(kLeavePastes);
}

bool Terminal::more_waits() const { return !bursts_.empty() || (!gone_ && readable(0)); }

Terminal::Woken Terminal::wait(std::string& burst) {
  if (!bursts_.empty()) {
    burst = std::move(bursts_.front());
    bursts_.pop_front();
    return Woken::kBytes;
  }
  burst.clear();
  while (true) {
    if (noticed(continued)) return Woken::kContinued;
    if (noticed(resized)) return Woken::kResized;
    if (gone_) return Woken::kGone;
    switch (interrupts_.wait_for(STDIN_FILENO)) {
      case InterruptGuard::Woken::kInterrupt:
        return Woken::kInterrupt;
      case InterruptGuard::Woken::kOther:
        continue;
      case InterruptGuard::Woken::kKey:
        break;
    }
    const bool hasty = Clock::now() - last_ < kTogether;
    if (!receive(burst)) return Woken::kGone;
    // Whether a line end is a key hangs on what comes with it.
    const auto ends_line = [&] { return burst.ends_with('\r') || burst.ends_with('\n'); };
    while ((hasty || burst.size() > 1) && ends_line() &&
           readable(static_cast<int>(kTogether.count())) && receive(burst)) {
    }
    return Woken::kBytes;
  }
}

void Terminal::collect() {
  while (readable(0)) {
    const bool together = Clock::now() - last_ < kTogether && !bursts_.empty();
    std::string bytes;
    if (!receive(bytes)) return;
    if (together) {
      bursts_.back() += bytes;
    } else {
      bursts_.push_back(std::move(bytes));
    }
  }
}

void Terminal::forget_collected() { bursts_.clear(); }

bool Terminal::receive(std::string& into) {
  char buffer[1 << 16];
  const ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (count <= 0) {
    gone_ = true;
    return false;
  }
  into.append(buffer, static_cast<std::size_t>(count));
  last_ = Clock::now();
  return true;
}

void Terminal::suspend() { kill(0, SIGTSTP); }
void Terminal::quit() { kill(0, SIGQUIT); }

}  // namespace sirocco
