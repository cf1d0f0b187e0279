#include "sirocco/engine/model_plan.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <set>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/cache_choice.hpp"
#include "sirocco/platform/read_speed.hpp"

namespace sirocco {
namespace {

std::vector<std::uint64_t> cache_bytes(const ModelOutline& model, const CacheOptions& options,
                                       std::int32_t context, std::int64_t sequences) {
  std::vector<std::uint64_t> out;
  for (const CacheNeed& need : model.caches) {
    const CacheLayout layer(LayerIndex(0), {need});
    const CacheLayout* const one = &layer;
    out.push_back(CachePools::sequence_bytes(std::span(&one, 1), options, context) *
                  static_cast<std::uint64_t>(sequences));
  }
  return out;
}

/// Where stages have budgets of their own, what is left of each when the weights are there.
std::vector<CacheRoom> rooms_behind(std::span<const PlannedStage> stages,
                                    std::span<const StagePlace> places) {
  std::vector<CacheRoom> rooms;
  for (const StagePlace& place : places) {
    CacheRoom room = usual_cache_room(place.ledger);
    std::uint64_t left = place.ledger.free();
    for (std::size_t other = 0; other < places.size(); ++other)
      if (&places[other].ledger == &place.ledger)
        left -= std::min(left, stages[other].weight_bytes);
    room.bytes = std::min(room.bytes, left);
    rooms.push_back(room);
  }
  return rooms;
}

std::vector<Shortage> shortages_of(std::span<const PlannedStage> stages,
                                   std::span<const StagePlace> places) {
  std::vector<Shortage> shortages;
  std::set<const ByteLedger*> seen;
  for (const StagePlace& place : places) {
    if (!seen.insert(&place.ledger).second) continue;
    Shortage shortage{.stages = {}, .needed = 0, .free = place.ledger.free()};
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (&places[i].ledger != &place.ledger) continue;
      shortage.stages.push_back(static_cast<int>(i));
      shortage.needed += stages[i].weight_bytes + stages[i].cache_bytes;
    }
    if (shortage.needed > shortage.free) shortages.push_back(std::move(shortage));
  }
  return shortages;
}

}  // namespace

std::vector<PlannedStage> cut_model(const ModelOutline& model,
                                    const LanguagePipelineOptions& options,
                                    std::span<const StageDevice> devices,
                                    std::span<const LayerIndex> cuts, LmHeadPlace lm_head) {
  CacheOptions cache;
  cache.type = options.kv_type;
  cache.block_positions = options.block_positions;
  cache.max_step = options.max_step;
  std::int32_t context = options.context == 0 ? model.info.context_length : options.context;
  std::int64_t sequences = options.cache_sequences;
  if (options.cache_positions != 0)
    sequences = std::max<std::int64_t>(options.cache_positions / std::max(context, 1), 1);
  while (true) {
    const std::vector<std::uint64_t> caches = cache_bytes(model, cache, context, sequences);
    if (!cuts.empty()) return stages_of_cuts(model.costs, devices, cuts, caches, lm_head);
    try {
      return plan_stages(model.costs, devices, caches, lm_head);
    } catch (const ResourceExhausted&) {
      if (options.cache_positions == 0 && sequences > 1)
        sequences /= 2;
      else if (options.context == 0 && context > 1)
        context -= std::max(context / 8, 1);
      else
        throw;
    }
  }
}

std::vector<StageDevice> stage_devices(std::span<const StagePlace> places) {
  const bool share = std::ranges::all_of(
      places, [&](const StagePlace& place) { return &place.ledger == &places.front().ledger; });
  std::vector<StageDevice> devices;
  for (const StagePlace& place : places) {
    ThreadGroup& threads = place.backend.host_threads();
    if (share)
      devices.push_back({.bytes_per_second = static_cast<double>(threads.size())});
    else
      devices.push_back({read_speed(threads), place.ledger.free()});
  }
  return devices;
}

ModelPlan plan_model(const ModelOutline& model, const LanguagePipelineOptions& options,
                     std::span<const StagePlace> places, std::span<const LayerIndex> cuts,
                     LmHeadPlace lm_head) {
  ModelPlan plan;
  plan.stages = cut_model(model, options, stage_devices(places), cuts, lm_head);
  std::vector<CacheLayout> layouts;
  std::vector<const CacheLayout*> seen;
  for (PlannedStage& stage : plan.stages) {
    const auto begin = model.caches.begin();
    layouts.emplace_back(LayerIndex(stage.first),
                         std::vector(begin + stage.first, begin + stage.end));
  }
  for (const CacheLayout& layout : layouts) seen.push_back(&layout);
  const CacheChoice choice =
      choose_cache(model.info, options, seen, rooms_behind(plan.stages, places));
  plan.context = choice.context;
  plan.positions = choice.options.positions;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    PlannedStage& stage = plan.stages[i];
    stage.cache_bytes = CachePools::make({seen[i]}, choice.options)->bytes();
    stage.seconds = static_cast<double>(bytes_read(model.costs, stage)) /
                    read_speed(places[i].backend.host_threads());
  }
  plan.shortages = shortages_of(plan.stages, places);
  return plan;
}

}  // namespace sirocco
