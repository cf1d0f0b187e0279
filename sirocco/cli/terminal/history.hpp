#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>

namespace sirocco {

/// The messages that were typed, the newest last, beyond the life of the program: a file that only
/// its owner may read. Without a usable file they live as long as this does.
///
/// In the file a message takes a line, or several where it has several: a backslash before a line's
/// end says that the message goes on. (Backslashes of its own that stand there are doubled.)
class History {
 public:
  explicit History(const std::filesystem::path& file);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  std::size_t size() const { return entries_.size(); }
  /// 0 is the oldest.
  const std::string& operator[](std::size_t index) const { return entries_[index]; }

  /// Blank messages and repetitions of the newest are passed over. Ones that hold control
  /// characters or are longer than 64 KiB don't get into the file.
  void add(const std::string& text);

 private:
  std::deque<std::string> entries_;
  int descriptor_ = -1;
};

}  // namespace sirocco
