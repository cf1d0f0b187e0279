#include "sirocco/hub/store_files.hpp"

#include <fmt/chrono.h>

#include <algorithm>
#include <system_error>

namespace sirocco {

namespace fs = std::filesystem;

std::vector<fs::path> folder_entries(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    out.push_back(at->path());
  std::ranges::sort(out);
  return out;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::string date_text(std::chrono::sys_seconds date) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(date.time_since_epoch().count()));
}

}  // namespace sirocco
