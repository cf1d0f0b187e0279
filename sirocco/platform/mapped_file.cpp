#include "sirocco/platform/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

[[noreturn]] void refused(const std::filesystem::path& path, int error) {
  const std::string shown = printable(path);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      throw NotFound("{}: no such file; check the path", shown);
    case EACCES:
    case EPERM:
      throw IoError("{}: no permission to read it; check the rights of the file and its folders",
                    shown);
    default:
      throw IoError("{}: can't be read: {}", shown, std::generic_category().message(error));
  }
}

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

void unmap(std::span<const std::byte> bytes) noexcept {
  if (!bytes.empty()) ::munmap(const_cast<std::byte*>(bytes.data()), bytes.size());
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // Opening a named pipe for reading would wait for a writer without O_NONBLOCK.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) refused(path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) refused(path, errno);
  if (S_ISDIR(status.st_mode)) {
    throw InvalidArgument("{}: is a folder; name a file inside it", printable(path));
  }
  if (!S_ISREG(status.st_mode)) {
    throw InvalidArgument("{}: is not a regular file; name one that lies on a disk",
                          printable(path));
  }
  if (status.st_size == 0) {
    throw FormatError("{}: is empty; fetch or copy it again", printable(path));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) refused(path, errno);
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() { unmap(bytes_); }

void MappedFile::release(std::span<const std::byte> range) const noexcept {
  if (range.empty()) return;
  // Touching a page maps those around it too, as far as they are in the system's cache: 64 KiB, or
  // a huge page where the cache holds one.
  constexpr std::uintptr_t kAround = std::uintptr_t{2} << 20;
  const auto address = [](const std::byte* at) { return reinterpret_cast<std::uintptr_t>(at); };
  const std::size_t page = page_size();
  const std::uintptr_t file_end = ceil_div(address(bytes_.data() + bytes_.size()), page) * page;
  const std::uintptr_t begin =
      std::max(address(range.data()) / kAround * kAround, address(bytes_.data()));
  const std::uintptr_t end =
      std::min(ceil_div(address(range.data() + range.size()), kAround) * kAround, file_end);
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void MappedFile::prefetch(std::span<const std::byte> range) const noexcept {
  if (range.empty()) return;
  const std::size_t page = page_size();
  const auto begin = reinterpret_cast<std::uintptr_t>(range.data()) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(range.data() + range.size());
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);
}

std::string printable(const std::filesystem::path& path) {
  const std::string& text = path.native();
  const std::string in_quotes = quoted(text, text.size());
  return in_quotes.substr(1, in_quotes.size() - 2);
}

}  // namespace sirocco
