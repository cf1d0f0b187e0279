#include "sirocco/platform/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/reader_gone.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

struct Explanation {
  int error;
  std::string_view text;
};

constexpr Explanation kExplanations[] = {
    {EACCES, "no permission"},
    {EPERM, "no permission"},
    {EROFS, "the file system is read-only"},
    {ENOSPC, "the disk is full; free some space or write elsewhere"},
    {EDQUOT, "the disk quota is used up; free some space or write elsewhere"},
    {EFBIG, "it is larger than this process or file system may write"},
    {ENOENT, "its folder does not exist; create it first"},
    {ENOTDIR, "a part of the path is not a folder"},
    {EISDIR, "it is a folder; give the name of a file"},
    {ENAMETOOLONG, "the name is too long"},
    {ELOOP, "its symbolic links lead in a circle"},
    {EMFILE, "this process has too many files open"},
};

/// The name to create behind symbolic links, of which the last may point to what isn't there yet.
fs::path follow_links(fs::path path, int& error) {
  constexpr int kMaxLinks = 40;
  for (int i = 0; i < kMaxLinks; ++i) {
    std::error_code code;
    if (!fs::is_symlink(fs::symlink_status(path, code))) return path;
    const fs::path next = fs::read_symlink(path, code);
    if (code) {
      error = code.value();
      return path;
    }
    path = path.parent_path() / next;
  }
  error = ELOOP;
  return path;
}

/// A hidden name beside `target` that no other AtomicFile of any living process uses.
fs::path temporary_name(const fs::path& target) {
  static std::atomic<std::uint32_t> counter{0};
  // Names have at most 255 bytes; what we add stays below 55.
  constexpr std::size_t kMaxNameBytes = 200;
  return target.parent_path() / fmt::format(".{}.{}.{}.tmp",
                                            target.filename().string().substr(0, kMaxNameBytes),
                                            getpid(), counter.fetch_add(1));
}

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

std::string link_of(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

/// A handful of attempts, each with a name of its own: leftovers of a killed process with our
/// number may hold a few.
template <class Attempt>
bool with_free_name(const fs::path& target, Attempt attempt) {
  constexpr int kMaxAttempts = 100;
  for (int i = 0; i < kMaxAttempts; ++i) {
    if (attempt(temporary_name(target))) return true;
    if (errno != EEXIST) return false;
  }
  return false;
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  // Before anything else: where standard output is a pipe, /dev/stdout ends in a link to no path.
  struct stat status {};
  bool exists = stat(path_.c_str(), &status) == 0;
  direct_ = exists && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
  if (direct_) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor_ < 0) fail(errno);
    return;
  }
  int error = path_.empty() ? ENOENT : 0;
  target_ = follow_links(path_, error);
  if (error != 0) fail(error);
  if (!target_.has_filename()) fail(EISDIR);
  exists = stat(target_.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) fail(errno);
  if (exists && S_ISDIR(status.st_mode)) fail(EISDIR);
  // Replacing needs only the folder's permission, but a file protected against writing means it.
  if (exists && access(target_.c_str(), W_OK) != 0) fail(errno);
  open_temporary();
  if (exists && fchmod(descriptor_, status.st_mode & 07777) != 0) {
    const int refusal = errno;
    close(descriptor_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
    fail(refusal);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::open_temporary() {
#if defined(O_TMPFILE)
  // A file without a name vanishes with the process, however that ends. Naming it later goes
  // through /proc, so it has to be there.
  descriptor_ = open(folder_of(target_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor_ >= 0 && access(link_of(descriptor_).c_str(), F_OK) == 0) return;
  if (descriptor_ >= 0) close(descriptor_);
#endif
  const bool opened = with_free_name(target_, [&](const fs::path& name) {
    descriptor_ = open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) temporary_ = name;
    return descriptor_ >= 0;
  });
  if (!opened) fail(errno);
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  SIROCCO_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) throw ReaderGone();
    if (written < 0) fail(errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::give_name() {
  const std::string source = link_of(descriptor_);
  const bool linked = with_free_name(target_, [&](const fs::path& name) {
    if (linkat(AT_FDCWD, source.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return false;
    }
    temporary_ = name;
    return true;
  });
  if (!linked) fail(errno);
}

void AtomicFile::commit() {
  SIROCCO_CHECK(descriptor_ >= 0);
  if (!direct_) {
    if (fsync(descriptor_) != 0) fail(errno);
    if (temporary_.empty()) give_name();
    if (rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
    temporary_.clear();
  }
  if (close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) fail(errno);
  if (direct_) return;
  // So that the new name survives a power cut too; file systems that can't are right without.
  const int folder = open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
}

void AtomicFile::fail(int error) const {
  const std::string shown = sirocco::quoted(path_.native(), 300);
  for (const Explanation& known : kExplanations) {
    if (known.error == error) throw IoError("can't write {}: {}", shown, known.text);
  }
  throw IoError("can't write {}: {}", shown, std::generic_category().message(error));
}

}  // namespace sirocco
