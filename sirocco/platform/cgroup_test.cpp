#include "sirocco/platform/cgroup.hpp"

#include <gtest/gtest.h>

#include "sirocco/platform/fake_system_testing.hpp"

namespace sirocco {
namespace {

constexpr const char* kMountV2 =
    "20 1 0:5 / /proc rw - proc proc rw\n"
    "31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";

TEST(Cgroup, NothingIsNoLimit) {
  FakeSystem system;
  const CgroupLimits limits = read_cgroup_limits(system.root());
  EXPECT_FALSE(limits.cpus || limits.memory);
}

TEST(Cgroup, TheTightestOfAllGroupsAboveCounts) {
  FakeSystem system;
  system.put("/proc/self/cgroup", "0::/user.slice/app")
      .put("/proc/self/mountinfo", kMountV2)
      .put("/sys/fs/cgroup/user.slice/cpu.max", "250000 100000")
      .put("/sys/fs/cgroup/user.slice/memory.max", "1000000")
      .put("/sys/fs/cgroup/user.slice/app/cpu.max", "max 100000")
      .put("/sys/fs/cgroup/user.slice/app/memory.max", "max")
      .put("/sys/fs/cgroup/user.slice/app/memory.high", "800000")
      .put("/sys/fs/cgroup/other/cpu.max", "1000 100000");
  const CgroupLimits limits = read_cgroup_limits(system.root());
  EXPECT_EQ(limits.cpus, 2.5);
  EXPECT_EQ(limits.memory, 800000u);
}

TEST(Cgroup, ReadsVersion1) {
  FakeSystem system;
  system
      .put("/proc/self/cgroup",
           "9:name=systemd:/\n4:memory:/jobs/one\n2:cpu,cpuacct:/jobs/one\n0::/x")
      .put("/proc/self/mountinfo",
           "32 31 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
           "35 31 0:30 / /sys/fs/cgroup/the\\040memory rw - cgroup cgroup rw,memory\n"
           "36 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset")
      .put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1")
      .put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
      .put("/sys/fs/cgroup/cpu,cpuacct/jobs/one/cpu.cfs_quota_us", "150000")
      .put("/sys/fs/cgroup/cpu,cpuacct/jobs/one/cpu.cfs_period_us", "100000")
      .put("/sys/fs/cgroup/the memory/memory.limit_in_bytes", "9223372036854771712")
      .put("/sys/fs/cgroup/the memory/jobs/memory.limit_in_bytes", "4096000");
  const CgroupLimits limits = read_cgroup_limits(system.root());
  EXPECT_EQ(limits.cpus, 1.5);
  EXPECT_EQ(limits.memory, 4096000u);
}

TEST(Cgroup, AContainerSeesItsOwnGroupAtTheMount) {
  // /proc names the group as the host knows it; mounted is only the container's part, at its root.
  for (const char* group : {"4:memory:/docker/abc", "4:memory:/elsewhere", "4:memory:/../../x"}) {
    FakeSystem system;
    system.put("/proc/self/cgroup", group)
        .put("/proc/self/mountinfo",
             "35 31 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory")
        .put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1234")
        .put("/memory.limit_in_bytes", "1");
    EXPECT_EQ(read_cgroup_limits(system.root()).memory, 1234u) << group;
  }
  FakeSystem deeper;
  deeper.put("/proc/self/cgroup", "4:memory:/docker/abc/inner")
      .put("/proc/self/mountinfo",
           "35 31 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory")
      .put("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "77");
  EXPECT_EQ(read_cgroup_limits(deeper.root()).memory, 77u);
}

TEST(Cgroup, NonsenseIsNoLimit) {
  for (const char* quota : {"", "0 0", "100 0", "0 100000", "x y", "1 2 3", "-5 100000"}) {
    FakeSystem system;
    system.put("/proc/self/cgroup", "no colon\n0::/\nx:")
        .put("/proc/self/mountinfo", std::string("\n- - - -\n1 2 3 4 5 6 -\n") + kMountV2)
        .put("/sys/fs/cgroup/cpu.max", quota)
        .put("/sys/fs/cgroup/memory.max", "lots");
    const CgroupLimits limits = read_cgroup_limits(system.root());
    EXPECT_FALSE(limits.cpus || limits.memory) << quota;
  }
}

}  // namespace
}  // namespace sirocco
