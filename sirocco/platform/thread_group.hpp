#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "sirocco/base/function_ref.hpp"

namespace sirocco {

/// A fixed set of threads that work together on one op at a time: the caller and `size() - 1`
/// helpers. Helpers spin for a short while between ops, then park. Every body runs with
/// round-to-nearest and denormals kept, whatever the caller's floating-point environment was.
/// Callers on several threads take turns, an op each; a body doesn't use its own group.
class ThreadGroup {
 public:
  /// `threads` >= 1, the caller included. With `cpus`, helper i is bound to cpus[i % cpus.size()];
  /// the caller is never moved. Throws InvalidArgument for less than 1 thread or a CPU that the
  /// process may not use, ResourceExhausted when the system refuses a thread.
  explicit ThreadGroup(int threads, std::span<const int> cpus = {});
  ~ThreadGroup();
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;

  int size() const;
  /// Where the thread that calls it is best bound to; nothing where helpers go where they like.
  std::optional<int> cpu_of_caller() const;

  /// body(thread) once on each thread, 0 to size() - 1 (0 is the caller). Returns when all have
  /// finished; what they wrote is visible to the caller. The body doesn't throw.
  void run(FunctionRef<void(int thread)> body);

  /// body(begin, end, thread) over disjoint ranges that cover [0, count). Each thread first streams
  /// one contiguous share from front to back in steps of `grain`; a thread that has finished takes
  /// steps from the end of the others' shares. Each range is one step: `grain` indices from a
  /// multiple of it, but for the last. A helper that has not begun when all steps are taken is not
  /// waited for.
  void for_ranges(std::int64_t count, std::int64_t grain,
                  FunctionRef<void(std::int64_t begin, std::int64_t end, int thread)> body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sirocco
