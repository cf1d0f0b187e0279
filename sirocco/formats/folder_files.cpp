#include "sirocco/formats/folder_files.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// Whether `name` stays below the folder that it is relative to. (A link in the folder may lead
/// elsewhere, as those of the hub's cache do.)
bool stays_inside(const std::filesystem::path& name) {
  return name.is_relative() && !name.empty() &&
         std::ranges::none_of(name, [](const auto& part) { return part == ".."; });
}

}  // namespace

std::filesystem::path FolderFiles::path_of(std::string_view name) const {
  const std::filesystem::path relative(name);
  if (!stays_inside(relative) || name.find('\0') != std::string_view::npos) {
    throw InvalidArgument("{}: {} is no file of this folder", printable(folder_),
                          sirocco::quoted(name));
  }
  return folder_ / relative;
}

std::optional<std::string_view> FolderFiles::find(std::string_view name) const {
  const std::filesystem::path path = path_of(name);
  const std::lock_guard lock(mutex_);
  auto at = files_.find(name);
  if (at == files_.end()) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
    if (std::filesystem::file_size(path, error) == 0 && !error) return std::string_view();
    at = files_.emplace(name, MappedFile(path)).first;
  }
  const auto bytes = at->second.bytes();
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::vector<std::string> FolderFiles::list(std::string_view folder) const {
  constexpr std::size_t kMaxFiles = 4096;
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path_of(folder), error), end;
       !error && entry != end; entry.increment(error)) {
    if (std::error_code ignored; !entry->is_regular_file(ignored)) continue;
    if (names.size() == kMaxFiles)
      throw FormatError("{}: holds more than {} files", origin(folder), kMaxFiles);
    names.push_back(entry->path().filename().native());
  }
  std::ranges::sort(names);
  return names;
}

std::string FolderFiles::origin(std::string_view name) const { return printable(folder_ / name); }

}  // namespace sirocco
