#include "sirocco/cli/progress_bar.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "sirocco/cli/terminal/terminal.hpp"

namespace sirocco {

ProgressBar::ProgressBar(std::string doing, bool shown) : doing_(std::move(doing)), shown_(shown) {}

void ProgressBar::draw(double part, std::string_view figures) {
  if (!shown_) return;
  constexpr int kWidth = 40;
  const int filled = static_cast<int>(std::clamp(part, 0.0, 1.0) * kWidth);
  std::string line = fmt::format("{} [{:#<{}}{: <{}}]", doing_, "", filled, "", kWidth - filled);
  if (!figures.empty()) line.append(" ").append(figures);
  if (line == drawn_) return;
  fmt::print(stderr, "\r{}\x1b[K", line);
  std::fflush(stderr);
  drawn_ = std::move(line);
}

void ProgressBar::wipe() {
  if (!drawn_.empty()) std::fputs("\r\x1b[K", stderr);
  drawn_.clear();
}

bool shows_progress() { return isatty(STDERR_FILENO) != 0 && moves_its_cursor(); }

}  // namespace sirocco
