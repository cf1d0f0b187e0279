#include "sirocco/platform/read_speed.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "sirocco/platform/memory.hpp"

namespace sirocco {

double read_speed(ThreadGroup& threads) {
  // More than caches hold, and little beside what a machine of so many cores has.
  constexpr std::size_t kOfThread = std::size_t{48} << 20;
  constexpr std::size_t kOfAll = std::size_t{1} << 30;
  const auto count = static_cast<std::size_t>(threads.size());
  const std::size_t of_thread = std::min(kOfThread, kOfAll / count) / 64 * 64;
  Memory memory(of_thread * count);
  std::memset(memory.data(), 1, memory.size());
  std::vector<std::uint64_t> sums(count);
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    threads.run([&](int thread) {
      const auto at = static_cast<std::size_t>(thread);
      const std::byte* const part = memory.data() + at * of_thread;
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < of_thread; i += sizeof(std::uint64_t)) {
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
