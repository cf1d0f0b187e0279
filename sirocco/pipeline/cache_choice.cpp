#include "sirocco/pipeline/cache_choice.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// How many sequences of `length` positions every stage has room for.
std::uint64_t sequences_that_fit(std::span<const CacheLayout* const> layouts,
                                 std::span<const CacheRoom> rooms, std::uint64_t budget,
                                 const CacheOptions& options, std::int32_t length) {
  const auto fit = [](std::uint64_t room, std::uint64_t one) {
    return one == 0 ? UINT64_MAX : room / one;
  };
  std::uint64_t sequences = fit(budget, CachePools::sequence_bytes(layouts, options, length));
  for (std::size_t stage = 0; stage < rooms.size(); ++stage) {
    const CacheRoom& room = rooms[stage];
    std::uint64_t one = CachePools::sequence_bytes(layouts.subspan(stage, 1), options, length);
    for (std::size_t other = stage + 1; room.ledger != nullptr && other < rooms.size(); ++other)
      if (rooms[other].ledger == room.ledger)
        one += CachePools::sequence_bytes(layouts.subspan(other, 1), options, length);
    sequences = std::min(sequences, fit(room.bytes, one));
  }
  return sequences;
}

}  // namespace

CacheRoom usual_cache_room(const ByteLedger& ledger) {
  return {std::min(ledger.limit() / 2, ledger.free()), &ledger};
}

CacheChoice choose_cache(const ModelInfo& info, const LanguagePipelineOptions& options,
                         std::span<const CacheLayout* const> layouts,
                         std::span<const CacheRoom> rooms) {
  CacheChoice choice{options.context, {}};
  choice.options.type = options.kv_type;
  choice.options.block_positions = options.block_positions;
  choice.options.max_sequences = options.max_sequences;
  choice.options.max_step = options.max_step;
  choice.options.blocks = options.blocks;
  const auto fit = [&](std::int32_t length) {
    return sequences_that_fit(layouts, rooms, options.cache_budget, choice.options, length);
  };
  if (choice.context == 0) {
    choice.context = info.context_length;
    while (choice.context > 1 && fit(choice.context) == 0)
      choice.context -= std::max(choice.context / 8, 1);
  }
  if (choice.context < 1) {
    throw InvalidArgument("the context is {} positions; it must be at least 1", choice.context);
  }
  if (info.position_limit != 0 && choice.context > info.position_limit) {
    throw InvalidArgument("a context of {} positions was asked for, but the model has {}",
                          choice.context, info.position_limit);
  }
  choice.options.positions = options.cache_positions;
  if (options.cache_positions == 0) {
    const auto sequences = static_cast<std::int64_t>(std::min<std::uint64_t>(
        fit(choice.context), static_cast<std::uint64_t>(options.cache_sequences)));
    choice.options.positions = choice.context * std::max<std::int64_t>(sequences, 1);
  }
  return choice;
}

}  // namespace sirocco
