#include "sirocco/platform/cgroup.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/platform/system_text.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

// A busy host has thousands of mounts.
constexpr std::size_t kMaxMountText = 4 << 20;
// Version 1 writes "no limit" as the largest number of whole pages.
constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 62;

template <class T>
void tighten(std::optional<T>& limit, std::optional<T> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

std::optional<std::uint64_t> read_number(const fs::path& file) {
  const auto text = read_system_text(file);
  const auto number = text ? parse_system_number(*text) : std::nullopt;
  return number && *number < kUnlimited ? number : std::nullopt;
}

void tighten_cpus(CgroupLimits& limits, std::optional<std::uint64_t> quota,
                  std::optional<std::uint64_t> period) {
  if (!quota || !period || *quota == 0 || *period == 0) return;
  tighten(limits.cpus, std::optional(static_cast<double>(*quota) / static_cast<double>(*period)));
}

void read_cpu_v1(CgroupLimits& limits, const fs::path& group) {
  // A quota of -1, which is no number here, is none.
  tighten_cpus(limits, read_number(group / "cpu.cfs_quota_us"),
               read_number(group / "cpu.cfs_period_us"));
}

void read_memory_v1(CgroupLimits& limits, const fs::path& group) {
  tighten(limits.memory, read_number(group / "memory.limit_in_bytes"));
}

void read_v2(CgroupLimits& limits, const fs::path& group) {
  if (const auto text = read_system_text(group / "cpu.max")) {
    const auto words = split_system_text(*text, ' ');  // "max 100000": a quota that is no number
    if (words.size() == 2) {
      tighten_cpus(limits, parse_system_number(words[0]), parse_system_number(words[1]));
    }
  }
  for (const char* limit : {"memory.max", "memory.high"})
    tighten(limits.memory, read_number(group / limit));
}

/// One row a hierarchy that has limits for us: how /proc names it and what reads a group of it.
struct Hierarchy {
  std::string_view file_system;
  std::string_view controller;  ///< empty: version 2, which has all controllers in one
  void (*read)(CgroupLimits& limits, const fs::path& group);
};
constexpr Hierarchy kHierarchies[] = {
    {"cgroup2", "", read_v2},
    {"cgroup", "cpu", read_cpu_v1},
    {"cgroup", "memory", read_memory_v1},
};

bool lists(std::string_view comma_separated, std::string_view item) {
  const auto items = split_system_text(comma_separated, ',');
  return std::ranges::find(items, item) != items.end();
}

/// The group of this process in a hierarchy, as /proc/self/cgroup ("id:controllers:path") has it.
std::optional<std::string_view> group_path(std::string_view cgroup, const Hierarchy& hierarchy) {
  for (const std::string_view line : split_system_text(cgroup, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool found = hierarchy.controller.empty() ? controllers.empty()
                                                    : lists(controllers, hierarchy.controller);
    if (found) return line.substr(second + 1);
  }
  return std::nullopt;
}

/// mountinfo writes blanks and backslashes in paths as three octal digits.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < text.size() ? text[at] - '0' : -1; };
    const auto octal = [&](std::size_t at) { return digit(at) >= 0 && digit(at) < 8; };
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>(digit(i + 1) * 64 + digit(i + 2) * 8 + digit(i + 3));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct Mount {
  fs::path root;   ///< which group of the hierarchy is mounted
  fs::path point;  ///< where
};

/// Lines of mountinfo: id, parent, device, root, point, options, more…, "-", file system, source,
/// its options.
std::optional<Mount> find_mount(std::string_view mounts, const Hierarchy& hierarchy) {
  for (const std::string_view line : split_system_text(mounts, '\n')) {
    const auto words = split_system_text(line, ' ');
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 6 || words.end() - dash < 4 || dash[1] != hierarchy.file_system) continue;
    if (!hierarchy.controller.empty() && !lists(dash[3], hierarchy.controller)) continue;
    return Mount{unescaped(words[3]), unescaped(words[4])};
  }
  return std::nullopt;
}

/// `group` as a path below the mount. Inside a container /proc may name a group that its mount
/// doesn't show; then what is mounted is the container's own.
fs::path below_mount(const fs::path& group, const fs::path& mount_root) {
  const fs::path relative = group.lexically_relative(mount_root);
  const bool inside = !relative.empty() && std::ranges::find(relative, "..") == relative.end();
  return inside ? relative : fs::path();
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
  CgroupLimits limits;
  const auto cgroup = read_system_text(root / "proc/self/cgroup");
  const auto mounts = read_system_text(root / "proc/self/mountinfo", kMaxMountText);
  if (!cgroup || !mounts) return limits;
  for (const Hierarchy& hierarchy : kHierarchies) {
    const auto group = group_path(*cgroup, hierarchy);
    const auto mount = find_mount(*mounts, hierarchy);
    if (!group || !mount) continue;
    fs::path directory = root / mount->point.relative_path();
    hierarchy.read(limits, directory);
    for (const fs::path& part : below_mount(*group, mount->root)) {
      if (part.empty() || part == ".") continue;
      directory /= part;
      hierarchy.read(limits, directory);
    }
  }
  return limits;
}

}  // namespace sirocco
