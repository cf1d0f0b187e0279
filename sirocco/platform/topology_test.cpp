#include "sirocco/platform/topology.hpp"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/cpu_set.hpp"
#include "sirocco/platform/fake_system_testing.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

/// Two nodes of four cores with two hardware threads each, numbered as Intel servers do: the second
/// threads of all cores after all first ones. Node 2 is memory without CPUs.
void fill_two_sockets(FakeSystem& system) {
  system.put("/sys/devices/system/node/online", "0-2");
  system.put("/sys/devices/system/node/node0/cpulist", "0-3,8-11");
  system.put("/sys/devices/system/node/node1/cpulist", "4-7,12-15");
  system.put("/sys/devices/system/node/node2/cpulist", "");
  for (int node = 0; node < 3; ++node) {
    system.put(fmt::format("/sys/devices/system/node/node{}/meminfo", node),
               fmt::format("Node {} MemTotal:  {} kB\nNode {} MemFree: 1 kB", node,
                           (node + 1) * (1 << 20), node));
  }
  for (int cpu = 0; cpu < 16; ++cpu) {
    system.put(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu),
               fmt::format("{},{}", cpu % 8, cpu % 8 + 8));
  }
  system.put("/proc/meminfo", "MemTotal: 6291456 kB\nMemFree: 5 kB");
}

std::vector<int> range(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

TEST(Topology, FindsCoresSiblingsAndNodes) {
  FakeSystem system;
  fill_two_sockets(system);
  const DeviceTopology topology = DeviceTopology::detect({system.root(), range(16)});
  ASSERT_EQ(topology.cores().size(), 8u);
  EXPECT_THAT(topology.cores()[1].cpus, ElementsAre(1, 9));
  EXPECT_EQ(topology.cores()[5].node, 1);
  EXPECT_EQ(topology.whole().default_threads, 8);
  EXPECT_EQ(topology.whole().memory, 6 * kGiB);

  ASSERT_EQ(topology.devices().size(), 3u);
  const Device& whole = topology.device("cpu");
  EXPECT_EQ(&whole, &topology.whole());
  EXPECT_EQ(whole.node, std::nullopt);
  EXPECT_EQ(whole.cores, 8);
  EXPECT_EQ(whole.memory, 6 * kGiB);
  EXPECT_EQ(whole.cpus, range(16));
  const Device& second = topology.device("cpu:1");
  EXPECT_EQ(second.node, 1);
  EXPECT_THAT(second.cpus, ElementsAre(4, 5, 6, 7, 12, 13, 14, 15));
  EXPECT_EQ(second.default_threads, 4);
  EXPECT_EQ(second.memory, 2 * kGiB);
}

TEST(Topology, UsesOnlyWhatTheAffinityAllows) {
  FakeSystem system;
  fill_two_sockets(system);
  const DeviceTopology topology = DeviceTopology::detect({system.root(), {10, 1, 2, 9}});
  ASSERT_EQ(topology.cores().size(), 2u);
  EXPECT_THAT(topology.whole().cpus, ElementsAre(1, 2, 9, 10));
  EXPECT_EQ(topology.whole().default_threads, 2);
  EXPECT_EQ(topology.devices().size(), 2u);
  // The second hardware thread of a core stands for it where the first is not ours.
  const DeviceTopology seconds = DeviceTopology::detect({system.root(), {8, 9, 12}});
  EXPECT_THAT(seconds.whole().cpus, ElementsAre(8, 9, 12));
  EXPECT_EQ(seconds.whole().default_threads, 3);
}

TEST(Topology, StaysWithinTheQuota) {
  for (const auto& [quota, threads] :
       {std::pair{"350000", 3}, {"400000", 4}, {"50000", 1}, {"6400000", 8}, {"max", 8}}) {
    FakeSystem system;
    fill_two_sockets(system);
    system.put("/proc/self/cgroup", "0::/")
        .put("/proc/self/mountinfo", "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 none rw")
        .put("/sys/fs/cgroup/cpu.max", fmt::format("{} 100000", quota));
    const DeviceTopology topology = DeviceTopology::detect({system.root(), range(16)});
    EXPECT_EQ(topology.whole().default_threads, threads) << quota;
    EXPECT_EQ(topology.device("cpu:0").default_threads, std::min(threads, 4)) << quota;
  }
}

TEST(Topology, StaysWithinTheMemoryLimit) {
  FakeSystem system;
  fill_two_sockets(system);
  system.put("/proc/self/cgroup", "0::/")
      .put("/proc/self/mountinfo", "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 none rw")
      .put("/sys/fs/cgroup/memory.max", std::to_string(kGiB));
  const DeviceTopology topology = DeviceTopology::detect({system.root(), range(16)});
  EXPECT_EQ(topology.whole().memory, kGiB);
  EXPECT_EQ(topology.device("cpu:1").memory, kGiB);
}

TEST(Topology, AssumesTheSimplestWhereNothingIsTold) {
  FakeSystem system;
  const DeviceTopology topology = DeviceTopology::detect({system.root(), {3, 5}});
  ASSERT_EQ(topology.devices().size(), 1u);
  EXPECT_THAT(topology.whole().cpus, ElementsAre(3, 5));
  EXPECT_EQ(topology.whole().node, 0);
  EXPECT_EQ(topology.whole().default_threads, 2);
  EXPECT_GT(topology.whole().memory, 0u);
}

TEST(Topology, ASiblingListThatLacksItsOwnCpuIsNotBelieved) {
  FakeSystem system;
  system.put("/sys/devices/system/cpu/cpu0/topology/core_cpus_list", "1,2")
      .put("/sys/devices/system/cpu/cpu1/topology/core_cpus_list", "garbage")
      .put("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1-2")
      .put("/sys/devices/system/cpu/cpu2/topology/core_cpus_list", "1-2");
  const DeviceTopology topology = DeviceTopology::detect({system.root(), {0, 1, 2}});
  EXPECT_EQ(topology.whole().default_threads, 2);
  EXPECT_THAT(topology.whole().cpus, ElementsAre(0, 1, 2));
}

TEST(Topology, AnUnknownDeviceIsAnsweredWithTheKnownOnes) {
  FakeSystem system;
  fill_two_sockets(system);
  const DeviceTopology topology = DeviceTopology::detect({system.root(), range(16)});
  for (const char* name : {"", "gpu", "cpu:2", "cpu:01"}) {
    try {
      topology.device(name);
      FAIL() << name;
    } catch (const InvalidArgument& e) {
      EXPECT_THAT(e.what(), HasSubstr(quoted(name)));
      EXPECT_THAT(e.what(), HasSubstr("cpu, cpu:0, cpu:1"));
    }
  }
}

TEST(Topology, ThisMachineHoldsTogether) {
  const DeviceTopology topology = DeviceTopology::detect();
  std::vector<int> cpus = topology.whole().cpus;
  std::ranges::sort(cpus);
  EXPECT_EQ(cpus, usable_cpus());
  EXPECT_GE(topology.whole().default_threads, 1);
  EXPECT_LE(topology.whole().default_threads, static_cast<int>(cpus.size()));
  ThreadGroup group(topology.whole().default_threads, topology.whole().cpus);
  group.run([](int) {});
}

}  // namespace
}  // namespace sirocco
