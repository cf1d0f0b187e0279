#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// One physical core, as far as this process may use it.
struct Core {
  std::vector<int> cpus;  ///< its usable hardware threads, ascending; at least one
  int node = 0;           ///< the memory node it is close to
};

/// Cores that work together, with the memory close to them.
struct Device {
  std::string name;         ///< as `--device` takes it: "cpu" for all, "cpu:N" for memory node N
  std::optional<int> node;  ///< none where it spans several
  /// CPUs for a ThreadGroup: one of each core first, then their siblings.
  std::vector<int> cpus;
  int cores = 0;
  /// One thread a core, within the CPU time that the process is allowed; at least 1.
  int default_threads = 1;
  /// Bytes of memory close to it (of the whole machine: all), or what control groups allow if that
  /// is less.
  std::uint64_t memory = 0;
};

/// The machine as this process may use it: affinity, control groups and memory nodes considered. A
/// value, found once at start and passed on. What the system doesn't tell is assumed: a core a CPU,
/// one node, all memory.
class DeviceTopology {
 public:
  /// Where to look. `usable_cpus` is the affinity mask; at least one.
  struct Source {
    std::filesystem::path root;
    std::vector<int> usable_cpus;
  };

  static DeviceTopology detect();
  static DeviceTopology detect(const Source& source);

  /// All cores as one device first; then, on a machine with several memory nodes, a device a node
  /// that has usable cores.
  const std::vector<Device>& devices() const { return devices_; }
  const Device& whole() const { return devices_.front(); }
  /// Throws InvalidArgument that lists the devices there are.
  const Device& device(std::string_view name) const;

  /// By memory node, then by lowest CPU.
  const std::vector<Core>& cores() const { return cores_; }

 private:
  DeviceTopology() = default;

  std::vector<Core> cores_;
  std::vector<Device> devices_;
};

}  // namespace sirocco
