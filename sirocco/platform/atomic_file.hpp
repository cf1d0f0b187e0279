#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace sirocco {

/// A file that appears whole or not at all: what is written goes to a nameless or temporary file in
/// the same folder, and `commit` puts it in place of whatever had the name. Destroyed without
/// commit, it leaves everything as it was. Through a symbolic link, the file it points to is
/// replaced; its permissions stay. A path that names a device or a pipe, such as /dev/stdout, is
/// written directly. Throws IoError that names the path, in one line; ReaderGone for a pipe without
/// a reader. One thread at a time.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Brings the bytes to the disk, then the name to the bytes. Once, and the last call.
  void commit();

 private:
  void open_temporary();
  void give_name();
  [[noreturn]] void fail(int error) const;

  std::filesystem::path path_;       ///< as the caller wrote it, for messages
  std::filesystem::path target_;     ///< behind symbolic links
  std::filesystem::path temporary_;  ///< empty while there is no such name
  bool direct_ = false;
  int descriptor_ = -1;
};

}  // namespace sirocco
