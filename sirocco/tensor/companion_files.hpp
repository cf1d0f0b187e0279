#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sirocco {

/// The files that lie beside the weights of a checkpoint that is a folder: "tokenizer.json",
/// "tokenizer_config.json", "modules.json", "1_Pooling/config.json"… Those of a real folder are in
/// formats/. Safe to share between threads.
class CompanionFiles {
 public:
  virtual ~CompanionFiles() = default;

  /// The content of the file `name`, a path relative to the folder, as it is (any bytes), or
  /// nothing when there is no such file. It lives as long as this object. Throws InvalidArgument
  /// for a name that leads out of the folder, IoError when the file can't be read.
  virtual std::optional<std::string_view> find(std::string_view name) const = 0;

  /// The names of the files that lie in `folder` itself, a path like a file's, in rising order;
  /// none when there is no such folder. Throws InvalidArgument as `find`, FormatError beyond 4096
  /// files.
  virtual std::vector<std::string> list(std::string_view /*folder*/) const { return {}; }

  /// The path of that file, for messages.
  virtual std::string origin(std::string_view name) const = 0;
};

/// Files that were never on a disk, by name.
class MemoryFiles : public CompanionFiles {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;

  explicit MemoryFiles(Map files) : files_(std::move(files)) {}

  /// `folder` is what messages put before a file's name.
  static MemoryFiles in(std::string folder, Map files) {
    MemoryFiles made(std::move(files));
    made.folder_ = std::move(folder);
    return made;
  }

  std::optional<std::string_view> find(std::string_view name) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) return std::nullopt;
    return found->second;
  }
  std::string origin(std::string_view name) const override { return folder_ + std::string(name); }

 private:
  Map files_;
  std::string folder_;
};

}  // namespace sirocco
