#include "sirocco/hub/partial_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/mapped_file.hpp"

// A record is a head of text, padded with blanks, and then for each segment how many of its bytes
// are there, 64 bits of this machine. Bytes are written before the number that counts them; so
// whatever ends the process, what is counted is there. (After a power cut it need not be: then the
// hash says so.)
namespace sirocco {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeadBytes = 512;
constexpr std::uint64_t kMinSegment = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxSegment = std::uint64_t{256} << 20;
constexpr std::uint64_t kSegments = 32;  // of files that allow it

std::uint64_t segment_bytes(std::uint64_t size) {
  return std::clamp(size / kSegments, kMinSegment, kMaxSegment);
}

std::vector<PartialFile::Segment> cut(std::uint64_t size, bool in_one) {
  std::vector<PartialFile::Segment> out;
  const std::uint64_t step = in_one ? std::max<std::uint64_t>(size, 1) : segment_bytes(size);
  for (std::uint64_t begin = 0; begin < size; begin += step)
    out.push_back({begin, std::min(size, begin + step), 0});
  return out;
}

std::string head_text(const RepositoryFile& file, bool in_one, bool checked,
                      const std::string& tag) {
  std::string head =
      fmt::format("sirocco partial file 1\n{}\n{}\n{}\n{}\n{}\n", file.size, file.hash.text(),
                  in_one ? "whole" : "segments", checked ? "checked" : "unchecked", tag);
  head.resize(kHeadBytes, ' ');
  return head;
}

}  // namespace

PartialFile::PartialFile(fs::path data, fs::path record, const RepositoryFile& file)
    : file_(file), data_path_(std::move(data)), record_path_(std::move(record)) {
  for (const fs::path& path : {data_path_, record_path_}) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) fail(path, error.value());
  }
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  data_ = open(data_path_.c_str(), kFlags, 0666);
  if (data_ < 0) fail(data_path_, errno);
  record_ = open(record_path_.c_str(), kFlags, 0666);
  if (record_ < 0) {
    const int error = errno;
    close(data_);
    fail(record_path_, error);
  }
  try {
    read_record();
  } catch (...) {
    close(data_);
    close(record_);
    throw;
  }
}

PartialFile::~PartialFile() {
  close(data_);
  close(record_);
}

void PartialFile::read_record() {
  std::string head(kHeadBytes, '\0');
  const ssize_t count = pread(record_, head.data(), head.size(), 0);
  if (count == static_cast<ssize_t>(head.size())) {
    // The tag is the last line: what the others say has to be one of these.
    for (const auto& [in_one, checked] :
         {std::pair(false, false), {false, true}, {true, false}, {true, true}}) {
      const std::string expected = head_text(file_, in_one, checked, "");
      const std::size_t fixed = expected.find_last_of('\n');
      if (head.compare(0, fixed, expected, 0, fixed) != 0) continue;
      const std::size_t end = head.find('\n', fixed);
      if (end == head.npos) continue;
      tag_ = head.substr(fixed, end - fixed);
      in_one_segment_ = in_one;
      checked_ = checked;
      segments_ = cut(file_.size, in_one);
      std::vector<std::uint64_t> done(segments_.size());
      const std::size_t bytes = done.size() * sizeof(std::uint64_t);
      struct stat status {};
      if (pread(record_, done.data(), bytes, kHeadBytes) != static_cast<ssize_t>(bytes) ||
          fstat(data_, &status) != 0)
        break;
      const auto there = static_cast<std::uint64_t>(status.st_size);
      for (std::size_t i = 0; i < segments_.size(); ++i) {
        Segment& s = segments_[i];
        if (done[i] > s.end - s.begin || (done[i] > 0 && s.begin + done[i] > there)) {
          start_anew(false);
          return;
        }
        s.done = done[i];
      }
      const bool whole = std::ranges::all_of(segments_, &Segment::is_whole);
      if (checked_ && (!whole || there != file_.size)) break;
      return;
    }
  }
  start_anew(false);
}

void PartialFile::start_anew(bool in_one_segment) {
  const std::lock_guard lock(mutex_);
  segments_ = cut(file_.size, in_one_segment);
  in_one_segment_ = in_one_segment;
  checked_ = false;
  ++beginning_;
  tag_.clear();
  // The record first: bytes that nothing counts are no harm.
  if (ftruncate(record_, 0) != 0) fail(record_path_, errno);
  write_head();
  const std::vector<std::uint64_t> none(segments_.size());
  const std::size_t bytes = none.size() * sizeof(std::uint64_t);
  if (pwrite(record_, none.data(), bytes, kHeadBytes) != static_cast<ssize_t>(bytes))
    fail(record_path_, errno);
  if (ftruncate(data_, 0) != 0) fail(data_path_, errno);
}

std::size_t PartialFile::segments() const {
  const std::lock_guard lock(mutex_);
  return segments_.size();
}

PartialFile::Segment PartialFile::segment(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  SIROCCO_CHECK(index < segments_.size());
  return segments_[index];
}

std::optional<PartialFile::Segment> PartialFile::segment(int beginning, std::size_t index) const {
  const std::lock_guard lock(mutex_);
  if (beginning != beginning_) return std::nullopt;
  SIROCCO_CHECK(index < segments_.size());
  return segments_[index];
}

std::uint64_t PartialFile::bytes_there() const {
  const std::lock_guard lock(mutex_);
  return std::transform_reduce(segments_.begin(), segments_.end(), std::uint64_t{0}, std::plus(),
                               [](const Segment& s) { return s.done; });
}

std::string PartialFile::tag() const {
  const std::lock_guard lock(mutex_);
  return tag_;
}

void PartialFile::set_tag(const std::string& tag) {
  constexpr std::size_t kMaxTagBytes = 200;
  const std::lock_guard lock(mutex_);
  // One that the record can't hold is worth nothing later.
  tag_ = tag.size() <= kMaxTagBytes && tag.find_first_of("\r\n") == tag.npos ? tag : "";
  write_head();
}

int PartialFile::beginning() const {
  const std::lock_guard lock(mutex_);
  return beginning_;
}

bool PartialFile::append(int beginning, std::size_t index, std::span<const std::byte> bytes) {
  std::uint64_t at = 0;
  {
    const std::lock_guard lock(mutex_);
    if (beginning != beginning_) return false;
    SIROCCO_CHECK(index < segments_.size() &&
                  bytes.size() <= segments_[index].end - segments_[index].next());
    at = segments_[index].next();
  }
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = pwrite(data_, bytes.data() + written, bytes.size() - written,
                                 static_cast<off_t>(at + written));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(data_path_, errno);
    written += static_cast<std::size_t>(count);
  }
  const std::lock_guard lock(mutex_);
  if (beginning != beginning_) return false;
  segments_[index].done += bytes.size();
  write_done(index);
  return true;
}

bool PartialFile::is_checked() const {
  const std::lock_guard lock(mutex_);
  return checked_;
}

void PartialFile::set_checked() {
  const std::lock_guard lock(mutex_);
  if (fsync(data_) != 0) fail(data_path_, errno);
  checked_ = true;
  write_head();
}

void PartialFile::write_head() {
  const std::string head = head_text(file_, in_one_segment_, checked_, tag_);
  if (pwrite(record_, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size()))
    fail(record_path_, errno);
}

void PartialFile::write_done(std::size_t index) {
  const std::uint64_t done = segments_[index].done;
  const auto at = static_cast<off_t>(kHeadBytes + index * sizeof done);
  if (pwrite(record_, &done, sizeof done, at) != sizeof done) fail(record_path_, errno);
}

void PartialFile::fail(const fs::path& path, int error) const {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      throw IoError(
          "can't write {}: {}; what was fetched is kept: free some space and run the same again",
          printable(path), error == ENOSPC ? "the disk is full" : "the disk quota is used up");
    case EFBIG:
      throw IoError(
          "can't write {}: it becomes larger than this process or file system may write; what was "
          "fetched is kept",
          printable(path));
    default:
      throw IoError("can't write {}: {}", printable(path), std::strerror(error));
  }
}

}  // namespace sirocco
