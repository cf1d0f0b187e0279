#pragma once

#include <span>
#include <thread>
#include <vector>

namespace sirocco {

/// The CPUs that the system lets the calling thread run on, ascending; at least one.
std::vector<int> usable_cpus();

/// Lets `thread` run on `cpu` only. Throws InvalidArgument where the system doesn't allow it; does
/// nothing on systems that bind no threads.
void bind_thread(std::thread::native_handle_type thread, int cpu);

}  // namespace sirocco
