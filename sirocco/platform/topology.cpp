#include "sirocco/platform/topology.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/cgroup.hpp"
#include "sirocco/platform/cpu_set.hpp"
#include "sirocco/platform/system_text.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

std::uint64_t physical_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_size = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_size <= 0) return 0;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_size);
}

struct MemoryNode {
  std::vector<int> cpus;
  std::optional<std::uint64_t> memory;
};

std::map<int, MemoryNode> read_nodes(const fs::path& root) {
  const fs::path folder = root / "sys/devices/system/node";
  std::map<int, MemoryNode> nodes;
  for (const int id : parse_system_list(read_system_text(folder / "online").value_or(""))) {
    const fs::path node = folder / fmt::format("node{}", id);
    nodes[id] = {
        parse_system_list(read_system_text(node / "cpulist").value_or("")),
        find_system_bytes(read_system_text(node / "meminfo").value_or(""), "MemTotal"),
    };
  }
  if (nodes.empty()) nodes[0] = {};
  return nodes;
}

int node_of(int cpu, const std::map<int, MemoryNode>& nodes) {
  for (const auto& [id, node] : nodes) {
    if (std::ranges::binary_search(node.cpus, cpu)) return id;
  }
  return nodes.begin()->first;
}

/// The lowest CPU of the core that `cpu` belongs to: the core's identity.
int core_of(int cpu, const fs::path& root) {
  const fs::path folder = root / fmt::format("sys/devices/system/cpu/cpu{}/topology", cpu);
  // The first name is the kernel's present one, the second came before Linux 5.3.
  for (const char* name : {"core_cpus_list", "thread_siblings_list"}) {
    const auto siblings = parse_system_list(read_system_text(folder / name).value_or(""));
    if (std::ranges::binary_search(siblings, cpu)) return siblings.front();
  }
  return cpu;
}

std::vector<Core> read_cores(const DeviceTopology::Source& source,
                             const std::map<int, MemoryNode>& nodes) {
  std::map<std::pair<int, int>, Core> by_place;  // node, lowest CPU of the core
  for (const int cpu : source.usable_cpus) {
    const int node = node_of(cpu, nodes);
    Core& core = by_place[{node, core_of(cpu, source.root)}];
    core.node = node;
    core.cpus.push_back(cpu);
  }
  std::vector<Core> cores;
  for (auto& [place, core] : by_place) {
    std::ranges::sort(core.cpus);
    cores.push_back(std::move(core));
  }
  return cores;
}

/// All cores, or those of one node, as a device without a name and memory.
Device make_device(const std::vector<Core>& cores, std::optional<int> node,
                   std::optional<double> quota) {
  Device device;
  device.node = node;
  bool more = true;
  for (std::size_t rank = 0; more; ++rank) {
    more = false;
    for (const Core& core : cores) {
      if (node && core.node != *node) continue;
      if (rank == 0) ++device.cores;
      if (rank < core.cpus.size()) device.cpus.push_back(core.cpus[rank]);
      more = more || rank + 1 < core.cpus.size();
    }
  }
  // A fraction of a CPU more than whole ones would stop all threads until its time comes again.
  const double allowed = std::min(quota.value_or(device.cores), double(device.cores));
  device.default_threads = std::max(1, static_cast<int>(allowed));
  return device;
}

}  // namespace

DeviceTopology DeviceTopology::detect() { return detect({"/", usable_cpus()}); }

DeviceTopology DeviceTopology::detect(const Source& source) {
  SIROCCO_CHECK(!source.usable_cpus.empty());
  DeviceTopology topology;
  const CgroupLimits limits = read_cgroup_limits(source.root);
  const std::string memory = read_system_text(source.root / "proc/meminfo").value_or("");
  const std::uint64_t present = find_system_bytes(memory, "MemTotal").value_or(physical_memory());
  const std::uint64_t usable = std::min(present, limits.memory.value_or(present));

  const std::map<int, MemoryNode> nodes = read_nodes(source.root);
  topology.cores_ = read_cores(source, nodes);

  Device whole = make_device(topology.cores_, std::nullopt, limits.cpus);
  whole.name = "cpu";
  whole.memory = usable;
  if (nodes.size() == 1) whole.node = nodes.begin()->first;
  topology.devices_.push_back(std::move(whole));
  if (nodes.size() == 1) return topology;
  for (const auto& [id, node] : nodes) {
    Device device = make_device(topology.cores_, id, limits.cpus);
    if (device.cores == 0) continue;
    device.name = fmt::format("cpu:{}", id);
    device.memory = std::min(node.memory.value_or(usable), usable);
    topology.devices_.push_back(std::move(device));
  }
  return topology;
}

const Device& DeviceTopology::device(std::string_view name) const {
  std::string known;
  for (const Device& device : devices_) {
    if (device.name == name) return device;
    known += (known.empty() ? "" : ", ") + device.name;
  }
  throw InvalidArgument("there is no device {}; choose one of {}", quoted(name), known);
}

}  // namespace sirocco
