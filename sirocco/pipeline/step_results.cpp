#include "sirocco/pipeline/step_results.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

StepResult& StepResults::begin(const StepBatch& batch) {
  auto free = std::ranges::find_if(slots_, [](const auto& slot) { return !slot->awaited; });
  if (free == slots_.end()) free = slots_.insert(free, std::make_unique<Slot>());
  begun_ = free->get();
  StepResult& result = begun_->result;
  result.items.resize(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    StepItemResult& item = result.items[i];
    item.sequence = batch[i].sequence;
    item.fault.reset();
    item.token.reset();
    item.logits.clear();
    item.embedding.clear();
  }
  return result;
}

Ticket StepResults::finish() {
  SIROCCO_CHECK(begun_ != nullptr);
  begun_->ticket = Ticket(next_ticket_++);
  begun_->awaited = true;
  return std::exchange(begun_, nullptr)->ticket;
}

const StepResult& StepResults::wait(Ticket ticket) {
  const auto found = std::ranges::find_if(
      slots_, [&](const auto& slot) { return slot->awaited && slot->ticket == ticket; });
  if (found == slots_.end())
    throw InvalidArgument("there is no step {} to wait for", ticket.value());
  (*found)->awaited = false;
  return (*found)->result;
}

}  // namespace sirocco
