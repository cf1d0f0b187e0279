#pragma once

#include <memory>
#include <vector>

#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {

/// The results of steps from their submission until they are waited for. Results whose turn is over
/// lend their memory to the next ones, so that like steps allocate nothing.
class StepResults {
 public:
  /// A result to fill, with an item for each of the batch that holds its sequence and nothing else.
  /// Results that were waited for are no longer valid.
  StepResult& begin(const StepBatch& batch);
  /// What was begun last can be waited for.
  Ticket finish();
  /// Once for each ticket; valid until the next `begin`. Throws InvalidArgument.
  const StepResult& wait(Ticket ticket);

 private:
  struct Slot {
    StepResult result;
    Ticket ticket;
    bool awaited = false;
  };
  std::vector<std::unique_ptr<Slot>> slots_;
  Slot* begun_ = nullptr;
  std::uint64_t next_ticket_ = 1;
};

}  // namespace sirocco
