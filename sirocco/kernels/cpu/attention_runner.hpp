#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/platform/memory.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

/// One sequence's slice of a paged cache.
CacheSlice cache_slice(const KvCacheView& view, std::int64_t sequence);

/// Cuts attention into items, (sequence, key/value head, block of query rows), and runs them on a
/// thread group. Where items are few and long, the threads share the spans of one item; the bits
/// don't depend on it. Owns the partial results, which grow when a step needs more.
class AttentionRunner {
 public:
  AttentionRunner(const CpuKernels& kernels, ThreadGroup& threads)
      : kernels_(kernels), threads_(threads) {}

  void run(const BatchTensors& batch, const AttentionArgs& args);

 private:
  struct Item {
    std::int32_t sequence;
    std::int32_t kv_head;
    std::int64_t row_begin;  // flat rows
    std::int64_t row_end;
    std::int32_t span_begin;
    std::int32_t span_end;
    std::int64_t first_state;  // of its partial results, in rows
  };

  void plan(const BatchTensors& batch, const AttentionArgs& args);
  void run_whole_items(std::size_t type, std::int64_t state_floats);
  void run_spans(std::size_t type, std::int64_t state_floats);
  float* scratch(std::size_t floats);

  const CpuKernels& kernels_;
  ThreadGroup& threads_;
  std::vector<AttentionTask> tasks_;  // a sequence each
  std::vector<Item> items_;
  std::vector<std::int64_t> first_spans_;  // by item, the number of spans before it
  Memory scratch_;
};

}  // namespace sirocco
