#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace sirocco {

/// A folder that tests fill with files of /proc and /sys; gone with the object.
class FakeSystem {
 public:
  FakeSystem() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "sirocco_system_XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~FakeSystem() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  FakeSystem(const FakeSystem&) = delete;
  FakeSystem& operator=(const FakeSystem&) = delete;

  const std::filesystem::path& root() const { return root_; }

  /// `text` and a line end as the file of that absolute name.
  FakeSystem& put(std::string_view name, std::string_view text) {
    const std::filesystem::path file = root_ / std::filesystem::path(name).relative_path();
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
    return *this;
  }

 private:
  std::filesystem::path root_;
};

}  // namespace sirocco
