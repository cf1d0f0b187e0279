#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <variant>

#include "sirocco/base/error.hpp"
#include "sirocco/base/seconds.hpp"
#include "sirocco/engine/channel.hpp"
#include "sirocco/engine/request.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {

/// How a request ends that an error ends.
inline Ending failed_ending(const std::exception& e) {
  const auto* error = dynamic_cast<const Error*>(&e);
  return {FinishReason::kFailed, error != nullptr ? std::optional(error->kind()) : std::nullopt,
          e.what()};
}

/// A LaneRecord is a request on a lane: `Queued`, then `Active`, then `Finished`. Each of these
/// holds what exists then and nothing else.
template <RunsWork P>
struct LaneRecord {
  struct Queued {
    typename P::CheckedJob job;
  };
  struct Active {
    typename P::Work work;
    Seconds since;                                // when it was admitted
    std::optional<Seconds> first = std::nullopt;  // when its first event came
    Seconds last = 0;
    std::uint64_t served = 0;
    int steps = 0;                                 // that it is in
    std::optional<Ending> leaving = std::nullopt;  // as soon as these are over
  };

  std::shared_ptr<Channel<typename P::Event>> channel;
  std::uint64_t owner;
  int priority;
  Seconds since;  // when it was submitted
  Seconds time_limit;
  std::uint64_t arrival;  // how many came before it
  std::variant<Queued, Active, Finished> state;

  Active& active() { return std::get<Active>(state); }

  /// What it wants of the next step; nothing when it can have no part in it.
  std::optional<Demand> demand() {
    constexpr bool overlaps = requires { requires P::Work::kOverlapsSteps; };
    const Active& now = active();
    if (channel->full() || now.leaving) return std::nullopt;
    if (!overlaps && now.steps > 0) return std::nullopt;
    const Demand demand = now.work.demand();
    return demand.rows > 0 ? std::optional(demand) : std::nullopt;
  }

  /// Why it is to end before its work has, if it is.
  std::optional<Ending> unwanted(Seconds now) {
    auto* const running = std::get_if<Active>(&state);
    if (running != nullptr && running->leaving) return running->leaving;
    if (channel->cancelled()) return Ending{.reason = FinishReason::kCancelled};
    if (now >= time_limit) return Ending{.reason = FinishReason::kTimeLimit};
    if constexpr (requires(typename P::Work& work) { work.cancel_choices(std::uint64_t{1}); }) {
      const std::uint64_t choices = channel->cancelled_choices();
      if (running == nullptr || running->steps > 0 || choices == 0) return std::nullopt;
      running->work.cancel_choices(choices);
      return running->work.ending();
    }
    return std::nullopt;
  }
};

}  // namespace sirocco
