#pragma once

#include <memory>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/isa.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

/// The backend of CPUs: one instruction-set tier, run by one group of threads, which it doesn't
/// own. `ledger`, when given, is charged for the matrices that it packs, as long as they live, and
/// outlives the backend. Throws UnsupportedError when this CPU lacks what the tier needs.
std::unique_ptr<Backend> make_cpu_backend(Isa isa, ThreadGroup& threads,
                                          ByteLedger* ledger = nullptr);

/// The scalar code that gives the bits of that tier, for tests: `ref` but for the tiers with
/// instructions that round in ways of their own. Runs on every CPU.
std::unique_ptr<Backend> make_oracle_backend(Isa isa, ThreadGroup& threads);

}  // namespace sirocco
