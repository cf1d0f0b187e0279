#pragma once

#include <string>

namespace sirocco {

/// A name of the machine that this process runs on, which no other one has until it is started
/// again: the kernel's boot id or, where that can't be read, the name of the host. At most 64
/// characters.
std::string machine_id();

}  // namespace sirocco
