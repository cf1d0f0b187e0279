#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace sirocco {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Drops messages below `level`. Set once at start; `kWarning` until then.
void set_log_level(LogLevel level);

/// What every message begins with; nothing until then. Set once at start.
void set_log_prefix(std::string_view prefix);

/// One line on standard error. Results never go through here.
void log_line(LogLevel level, std::string_view message);

template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sirocco
