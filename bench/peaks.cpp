#include "peaks.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "sirocco/platform/memory.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sirocco::bench {
namespace {

constexpr int kRepetitions = 5;
constexpr std::int64_t kRounds = 4'000'000;
constexpr std::size_t kReadBytes = std::size_t{512} << 20;

/// The shortest of a few runs, in seconds.
template <class Body>
double shortest(Body body) {
  double best = 1e9;
  for (int i = 0; i < kRepetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count());
  }
  return best;
}

#if defined(__x86_64__)
// Twelve independent sums: more than the latency of any of these instructions asks for.
#define SIROCCO_TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

/// 64 byte products and sums each of the twelve, a round.
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void vnni_rounds(std::int64_t rounds) {
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  __m512i sums[12] = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
#define SIROCCO_STEP(n) asm volatile("vpdpbusd %2, %1, %0" : "+v"(sums[n]) : "v"(a), "v"(b));
    SIROCCO_TWELVE(SIROCCO_STEP)
#undef SIROCCO_STEP
  }
}

__attribute__((target("avx2,avxvnni"))) void avxvnni_rounds(std::int64_t rounds) {
  const __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(5);
  __m256i sums[12] = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
#define SIROCCO_STEP(n) \
  asm volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums[n]) : "x"(a), "x"(b));
    SIROCCO_TWELVE(SIROCCO_STEP)
#undef SIROCCO_STEP
  }
}

__attribute__((target("avx512f,avx512vl,avx512vnni"))) void vnni256_rounds(std::int64_t rounds) {
  const __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(5);
  __m256i sums[12] = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
#define SIROCCO_STEP(n) asm volatile("vpdpbusd %2, %1, %0" : "+v"(sums[n]) : "v"(a), "v"(b));
    SIROCCO_TWELVE(SIROCCO_STEP)
#undef SIROCCO_STEP
  }
}

/// The same in the steps that a tier without VNNI takes for 4-bit weights: a product of bytes and a
/// sum of words each; the widening, once in eight, isn't counted.
__attribute__((target("avx512f,avx512bw"))) void avx512_rounds(std::int64_t rounds) {
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  __m512i sums[12] = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
#define SIROCCO_STEP(n)                                                      \
  {                                                                          \
    __m512i products;                                                        \
    asm volatile("vpmaddubsw %2, %1, %0" : "=v"(products) : "v"(a), "v"(b)); \
    asm volatile("vpaddw %1, %0, %0" : "+v"(sums[n]) : "v"(products));       \
  }
    SIROCCO_TWELVE(SIROCCO_STEP)
#undef SIROCCO_STEP
  }
}

__attribute__((target("avx2"))) void avx2_rounds(std::int64_t rounds) {
  const __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(5);
  __m256i sums[12] = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
#define SIROCCO_STEP(n)                                                      \
  {                                                                          \
    __m256i products;                                                        \
    asm volatile("vpmaddubsw %2, %1, %0" : "=x"(products) : "x"(a), "x"(b)); \
    asm volatile("vpaddw %1, %0, %0" : "+x"(sums[n]) : "x"(products));       \
  }
    SIROCCO_TWELVE(SIROCCO_STEP)
#undef SIROCCO_STEP
  }
}
#undef SIROCCO_TWELVE
#endif

}  // namespace

double integer_dot_peak(Isa isa, ThreadGroup& threads) {
#if defined(__x86_64__)
  void (*rounds)(std::int64_t) = nullptr;
  double bytes = 64;
  switch (isa) {
    case Isa::kRef:
      return 0;
    case Isa::kAvx2:
      rounds = avx2_rounds;
      bytes = 32;
      break;
    case Isa::kAvx512:
      rounds = avx512_rounds;
      break;
    case Isa::kAvxVnni:
      rounds = avxvnni_rounds;
      bytes = 32;
      break;
    case Isa::kAvx512Vnni256:
      rounds = vnni256_rounds;
      bytes = 32;
      break;
    case Isa::kAvx512Vnni:
    case Isa::kAvx512Bf16:
      rounds = vnni_rounds;
      break;
  }
  const double seconds = shortest([&] { threads.run([&](int /*thread*/) { rounds(kRounds); }); });
  return 2.0 * bytes * 12 * static_cast<double>(kRounds) * threads.size() / seconds;
#else
  (void)isa;
  (void)threads;
  return 0;
#endif
}

double read_bandwidth(ThreadGroup& threads) {
  Memory memory(kReadBytes);
  std::memset(memory.data(), 1, memory.size());
  std::atomic<std::uint64_t> sink{0};
  const std::size_t share = memory.size() / static_cast<std::size_t>(threads.size()) / 64 * 64;
  const double seconds = shortest([&] {
    threads.run([&](int thread) {
      const std::byte* from = memory.data() + static_cast<std::size_t>(thread) * share;
      // Vectors by name: left to itself the compiler adds through memory, and that is what would be
      // measured.
      using Vector = std::uint64_t __attribute__((vector_size(16)));
      constexpr std::size_t kSums = 8;
      Vector sums[kSums] = {};
      for (std::size_t at = 0; at + sizeof sums <= share; at += sizeof sums) {
        for (std::size_t i = 0; i < kSums; ++i) {
          Vector x;
          std::memcpy(&x, from + at + i * sizeof x, sizeof x);
          sums[i] += x;
        }
      }
      for (const Vector sum : sums) sink.fetch_add(sum[0] + sum[1], std::memory_order_relaxed);
    });
  });
  return static_cast<double>(share) * threads.size() / seconds;
}

}  // namespace sirocco::bench
