#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace sirocco {

/// A regular file mapped read-only, whole. Bytes are read from the disk as they are touched.
/// Move-only; `bytes()` stays where it is when the object moves. Safe to share between threads.
///
/// The file must not be shortened while it is mapped: the system ends a process that touches pages
/// past the end. Replacing it (rename over it, as installers do) is harmless.
class MappedFile {
 public:
  /// Throws NotFound when there is no such file, InvalidArgument for a folder or anything else that
  /// isn't a regular file, FormatError for an empty file, IoError when the system refuses
  /// (permission, disk).
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  const std::filesystem::path& path() const { return path_; }

  /// Says that `range`, a part of `bytes()`, won't be read again soon: its pages leave this
  /// process's memory, with the few around them that came with it. Reading them again is right,
  /// only slower.
  void release(std::span<const std::byte> range) const noexcept;

  /// Says that `range`, a part of `bytes()`, will be read soon: the system starts reading ahead.
  void prefetch(std::span<const std::byte> range) const noexcept;

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

/// `path` as messages show it: control and broken bytes escaped, nothing cut off.
std::string printable(const std::filesystem::path& path);

}  // namespace sirocco
