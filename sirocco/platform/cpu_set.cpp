#include "sirocco/platform/cpu_set.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "sirocco/base/error.hpp"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>

#include <memory>
#endif

namespace sirocco {
namespace {

#if defined(__linux__)
/// A set for CPU numbers below `cpus`; glibc's fixed one ends at 1,024.
class CpuSet {
 public:
  explicit CpuSet(int cpus) : set_(CPU_ALLOC(cpus)), bytes_(CPU_ALLOC_SIZE(cpus)) {
    if (set_ == nullptr) throw ResourceExhausted("no memory for a set of {} CPUs", cpus);
    CPU_ZERO_S(bytes_, set_);
  }
  ~CpuSet() { CPU_FREE(set_); }
  CpuSet(const CpuSet&) = delete;
  CpuSet& operator=(const CpuSet&) = delete;

  void add(int cpu) { CPU_SET_S(static_cast<std::size_t>(cpu), bytes_, set_); }
  bool has(int cpu) const { return CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes_, set_); }
  cpu_set_t* get() { return set_; }
  std::size_t bytes() const { return bytes_; }

 private:
  cpu_set_t* set_;
  std::size_t bytes_;
};

constexpr int kMaxCpus = 1 << 16;
#endif

}  // namespace

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
#if defined(__linux__)
  // The kernel refuses a set smaller than its own limit, which it doesn't tell.
  for (int limit = 1024; cpus.empty() && limit <= kMaxCpus; limit *= 2) {
    CpuSet set(limit);
    if (sched_getaffinity(0, set.bytes(), set.get()) != 0) continue;
    for (int cpu = 0; cpu < limit; ++cpu) {
      if (set.has(cpu)) cpus.push_back(cpu);
    }
  }
#endif
  if (cpus.empty()) {
    cpus.resize(std::max(1u, std::thread::hardware_concurrency()));
    std::iota(cpus.begin(), cpus.end(), 0);
  }
  return cpus;
}

void bind_thread([[maybe_unused]] std::thread::native_handle_type thread,
                 [[maybe_unused]] int cpu) {
#if defined(__linux__)
  if (cpu < 0 || cpu >= kMaxCpus) throw InvalidArgument("there is no CPU {}", cpu);
  CpuSet set(std::max(1024, cpu + 1));
  set.add(cpu);
  if (const int error = pthread_setaffinity_np(thread, set.bytes(), set.get()); error != 0) {
    throw InvalidArgument("the system doesn't let this process run on CPU {} ({})", cpu,
                          std::strerror(error));
  }
#endif
}

}  // namespace sirocco
