#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace sirocco {

/// What control groups, of version 1, 2 or both, leave to this process: the tightest of its group
/// and all above it that can be seen. Source: the kernel's admin-guide/cgroup-v1 and cgroup-v2.
struct CgroupLimits {
  std::optional<double> cpus;           ///< CPU time per time
  std::optional<std::uint64_t> memory;  ///< bytes
};

/// Reads /proc/self and the mounted hierarchies below `root`. Nothing there, or nothing that makes
/// sense, is no limit.
CgroupLimits read_cgroup_limits(const std::filesystem::path& root = "/");

}  // namespace sirocco
