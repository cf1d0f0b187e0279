#include "sirocco/platform/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {

Memory::Memory(std::size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  // A page of this size takes one fault in place of 512, and one entry where addresses are looked
  // up; it must begin at a multiple of it.
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t surplus = bytes >= kHugePage ? kHugePage : 0;
  const auto wanted = checked_add(bytes, surplus);
  void* mapped =
      wanted ? mmap(nullptr, *wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
             : MAP_FAILED;
  if (mapped == MAP_FAILED) {
    throw ResourceExhausted(
        "the system refused {} bytes of memory; free some, or use a smaller model or context",
        bytes);
  }
  data_ = static_cast<std::byte*>(mapped);
  if (surplus == 0) return;
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  const std::size_t before = ceil_div<std::size_t>(address, kHugePage) * kHugePage - address;
  if (before > 0) munmap(data_, before);
  data_ += before;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t held = ceil_div(bytes, page) * page;
  if (before + held < *wanted) munmap(data_ + held, *wanted - before - held);
  madvise(data_, bytes, MADV_HUGEPAGE);
}

Memory::~Memory() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace sirocco
