#include "sirocco/platform/machine.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "sirocco/platform/fake_system_testing.hpp"

namespace sirocco {
namespace {

/// A host of 64 GiB of which a control group leaves 4 GiB and one and a half of eight CPUs.
DeviceTopology in_a_container() {
  FakeSystem system;
  system.put("/proc/meminfo", "MemTotal: 67108864 kB")
      .put("/proc/self/cgroup", "0::/box")
      .put("/proc/self/mountinfo",
           "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate")
      .put("/sys/fs/cgroup/box/memory.max", "4294967296")
      .put("/sys/fs/cgroup/box/cpu.max", "150000 100000");
  return DeviceTopology::detect({system.root(), {0, 1, 2, 3, 4, 5, 6, 7}});
}

TEST(Machine, IsAsLargeAsItsControlGroupAllows) {
  Machine machine(in_a_container());
  EXPECT_EQ(machine.ledger().limit(), std::uint64_t{4} << 30);
  EXPECT_EQ(machine.usual_cache_budget(), std::uint64_t{2} << 30);
  const auto weights = machine.ledger().reserve(std::uint64_t{3} << 30, "weights");
  EXPECT_EQ(machine.usual_cache_budget(), std::uint64_t{1} << 30);
  EXPECT_EQ(machine.threads({}).size(), 1);
}

TEST(Machine, CanBeGivenLess) {
  Machine machine(in_a_container(), {.max_memory = 1000});
  EXPECT_EQ(machine.ledger().limit(), 1000U);
  EXPECT_EQ(machine.usual_cache_budget(), 500U);
}

TEST(Machine, HasOneSetOfThreadsForAPlacement) {
  Machine machine;
  ThreadGroup& three = machine.threads({.threads = 3});
  EXPECT_EQ(three.size(), 3);
  EXPECT_EQ(&machine.threads({.threads = 3}), &three);
  EXPECT_NE(&machine.threads({.threads = 2}), &three);
  // Bound threads are others than those that go where they like.
  EXPECT_NE(&machine.threads({.device = machine.topology().whole(), .threads = 3}), &three);
}

TEST(Machine, ItsThreadsServeSeveralCallersInTurn) {
  Machine machine;
  ThreadGroup& group = machine.threads({.threads = 2});
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto caller = [&] {
    for (int i = 0; i < 200; ++i) {
      group.run([&](int thread) {
        if (thread != 0) return;
        most = std::max(most.load(), ++inside);
        --inside;
      });
    }
  };
  std::thread other(caller);
  caller();
  other.join();
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace sirocco
