#pragma once

#include <cstddef>

#include "sirocco/platform/isa.hpp"
#include "sirocco/platform/thread_group.hpp"

/// What this machine can do at best, measured: the limits that kernels are held against.
namespace sirocco::bench {

/// Operations (a product and a sum are two) a second of the tier's integer dot product over
/// registers, on all threads of the group at once; 0 for tiers without vectors.
double integer_dot_peak(Isa isa, ThreadGroup& threads);

/// Bytes a second of reading a range far larger than the caches, each thread its own part.
double read_bandwidth(ThreadGroup& threads);

}  // namespace sirocco::bench
