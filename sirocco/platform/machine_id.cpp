#include "sirocco/platform/machine_id.hpp"

#include <unistd.h>

#include <array>
#include <fstream>

namespace sirocco {

std::string machine_id() {
  constexpr std::size_t kMaxLength = 64;
  std::string id;
  if (std::ifstream file("/proc/sys/kernel/random/boot_id"); file >> id && !id.empty())
    return id.substr(0, kMaxLength);
  std::array<char, kMaxLength + 1> name{};
  if (gethostname(name.data(), kMaxLength) != 0) return "";
  return name.data();
}

}  // namespace sirocco
