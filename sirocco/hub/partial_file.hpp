#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sirocco/hub/selection.hpp"

namespace sirocco {

/// A PartialFile is a file that is being fetched in segments, several at a time, with a record
/// beside it of what is there: after an end at any moment it goes on from the last bytes written.
/// The record also says what the file is to be, so that one of another content begins anew, and
/// whether it was checked. Throws IoError, a full disk among it, which leaves what was written.
/// Safe to use from several threads.
class PartialFile {
 public:
  /// Opens both files or makes them, with their folders. `file` says what it is to be.
  PartialFile(std::filesystem::path data, std::filesystem::path record, const RepositoryFile& file);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const RepositoryFile& file() const { return file_; }
  const std::filesystem::path& path() const { return data_path_; }

  /// Bytes of [begin, end) that are there, from its begin on.
  struct Segment {
    std::uint64_t begin;
    std::uint64_t end;
    std::uint64_t done;
    std::uint64_t next() const { return begin + done; }
    bool is_whole() const { return next() == end; }
  };
  std::size_t segments() const;
  Segment segment(std::size_t index) const;
  /// The same of an earlier look; nothing where the file has begun anew since.
  std::optional<Segment> segment(int beginning, std::size_t index) const;
  std::uint64_t bytes_there() const;
  bool is_whole() const { return bytes_there() == file_.size; }

  /// The entity tag under which the server gave what is there; empty without.
  std::string tag() const;
  void set_tag(const std::string& tag);

  /// How often it has begun anew; segments are of one beginning.
  int beginning() const;

  /// Writes the next bytes of a segment, which have to fit into it: false, and nothing is there,
  /// where the file has begun anew since that beginning. One thread a segment.
  bool append(int beginning, std::size_t index, std::span<const std::byte> bytes);

  /// Forgets what is there: in one segment, for a server that gives no parts.
  void start_anew(bool in_one_segment);

  /// Whether it was found to be what it is to be.
  bool is_checked() const;
  /// Brings it to the disk, then says so.
  void set_checked();

 private:
  void read_record();
  void write_head();
  void write_done(std::size_t index);
  [[noreturn]] void fail(const std::filesystem::path& path, int error) const;

  const RepositoryFile file_;
  const std::filesystem::path data_path_;
  const std::filesystem::path record_path_;
  int data_ = -1;
  int record_ = -1;
  mutable std::mutex mutex_;  // over what follows
  std::vector<Segment> segments_;
  std::string tag_;
  bool in_one_segment_ = false;
  bool checked_ = false;
  int beginning_ = 0;
};

}  // namespace sirocco
