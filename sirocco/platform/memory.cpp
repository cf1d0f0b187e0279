#include "sirocco/platform/memory.hpp"

#include <sys/mman.h>

#include "sirocco/base/error.hpp"

namespace sirocco {

Memory::Memory(std::size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    throw ResourceExhausted(
        "the system refused {} bytes of memory; free some, or use a smaller model or context",
        bytes);
  }
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  if (bytes >= 4 * kHugePage) madvise(mapped, bytes, MADV_HUGEPAGE);
  data_ = static_cast<std::byte*>(mapped);
}

Memory::~Memory() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace sirocco
