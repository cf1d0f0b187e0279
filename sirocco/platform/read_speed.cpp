#include "sirocco/platform/read_speed.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "sirocco/platform/memory.hpp"

namespace sirocco {

double read_speed(ThreadGroup& threads) {
  // More than caches hold.
  constexpr std::size_t kOfThread = std::size_t{48} << 20;
  const auto count = static_cast<std::size_t>(threads.size());
  Memory memory(kOfThread * count);
  std::memset(memory.data(), 1, memory.size());
  std::vector<std::uint64_t> sums(count);
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    threads.run([&](int thread) {
      const auto at = static_cast<std::size_t>(thread);
      const std::byte* const part = memory.data() + at * kOfThread;
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < kOfThread; i += sizeof(std::uint64_t)) {
        std::uint64_t word;
        std::memcpy(&word, part + i, sizeof(word));
        sum += word;
      }
      sums[at] = sum;
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    // Read, so that nothing is left out.
    if (sums.front() != 0) best = std::max(best, static_cast<double>(memory.size()) / took.count());
  }
  return best;
}

}  // namespace sirocco
