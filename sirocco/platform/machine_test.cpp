#include "sirocco/platform/machine.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/fake_system_testing.hpp"
#include "sirocco/platform/read_speed.hpp"

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
  EXPECT_EQ(machine.threads({}).size(), 1);
}

TEST(Machine, CanBeGivenLess) {
  Machine machine(in_a_container(), {.max_memory = 1000});
  EXPECT_EQ(machine.ledger().limit(), 1000U);
}

TEST(Machine, ReadsMemoryAtSomeSpeed) {
  Machine machine;
  const double speed = read_speed(machine.threads({.threads = 2}));
  EXPECT_GT(speed, 1e6);
  EXPECT_LT(speed, 1e14);
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

/// A host of two memory nodes, of 24 and 8 GiB, with four CPUs each.
DeviceTopology of_two_nodes() {
  FakeSystem system;
  system.put("/proc/meminfo", "MemTotal: 33554432 kB")
      .put("/sys/devices/system/node/online", "0-1")
      .put("/sys/devices/system/node/node0/cpulist", "0-3")
      .put("/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 25165824 kB")
      .put("/sys/devices/system/node/node1/cpulist", "4-7")
      .put("/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal: 8388608 kB");
  return DeviceTopology::detect({system.root(), {0, 1, 2, 3, 4, 5, 6, 7}});
}

TEST(Machine, ADeviceHasItsOwnPartOfTheBudget) {
  Machine machine(of_two_nodes());
  const DeviceTopology& topology = machine.topology();
  ByteLedger& second = machine.ledger(topology.device("cpu:1"));
  EXPECT_EQ(second.limit(), std::uint64_t{8} << 30);
  EXPECT_EQ(&machine.ledger(topology.device("cpu:1")), &second);
  EXPECT_EQ(machine.ledger(topology.device("cpu:0")).limit(), std::uint64_t{24} << 30);
  EXPECT_EQ(&machine.ledger(topology.whole()), &machine.ledger());
  EXPECT_EQ(&machine.ledger(std::nullopt), &machine.ledger());
  const auto weights = second.reserve(std::uint64_t{3} << 30, "weights");
  EXPECT_EQ(machine.ledger().in_use(), std::uint64_t{3} << 30);
  EXPECT_THROW(second.reserve(std::uint64_t{6} << 30, "KV cache"), ResourceExhausted);
}

TEST(Machine, PartsShareOutTheThreadsAndHaveTheirOwn) {
  Machine machine;
  const Placement five = {.threads = 5};
  ThreadGroup& first = machine.threads(five, {0, 3});
  ThreadGroup& second = machine.threads(five, {1, 3});
  ThreadGroup& third = machine.threads(five, {2, 3});
  EXPECT_EQ(first.size() + second.size() + third.size(), 5);
  EXPECT_NE(&first, &second);
  EXPECT_NE(&second, &third);
  EXPECT_EQ(&machine.threads(five, {1, 3}), &second);
  // More parts than threads: each has one all the same.
  EXPECT_EQ(machine.threads({.threads = 1}, {2, 4}).size(), 1);
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
