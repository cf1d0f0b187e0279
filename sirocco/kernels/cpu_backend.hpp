#pragma once

#include <memory>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/platform/isa.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

/// The backend of CPUs: one instruction-set tier, run by one group of threads, which it doesn't
/// own. Throws UnsupportedError when this CPU lacks what the tier needs.
std::unique_ptr<Backend> make_cpu_backend(Isa isa, ThreadGroup& threads);

}  // namespace sirocco
