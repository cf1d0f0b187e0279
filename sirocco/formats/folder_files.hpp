#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/platform/mapped_file.hpp"
#include "sirocco/tensor/companion_files.hpp"

namespace sirocco {

/// The files of a folder, each mapped when it is first asked for.
class FolderFiles final : public CompanionFiles {
 public:
  explicit FolderFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::optional<std::string_view> find(std::string_view name) const override;
  std::vector<std::string> list(std::string_view folder) const override;
  std::string origin(std::string_view name) const override;

 private:
  /// The path that `name` means. Throws InvalidArgument where it leads out of the folder.
  std::filesystem::path path_of(std::string_view name) const;

  std::filesystem::path folder_;
  mutable std::mutex mutex_;  // over what follows
  mutable std::map<std::string, MappedFile, std::less<>> files_;
};

}  // namespace sirocco
