#include "sirocco/pipeline/stage_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/quant/panel.hpp"

namespace sirocco {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// Steps of answers are short, and on several threads a part of them is waiting for one another: cut
// into stages of fewer threads they gain a fifth (measured on two cores), prompts nothing.
constexpr double kAnswersWeight = 0.8;

/// What stages of a model weigh, by sums of what the layers before one do.
class Costs {
 public:
  Costs(const LayerCosts& costs, std::span<const std::uint64_t> cache_bytes)
      : costs_(costs), sums_(1), caches_(1) {
    SIROCCO_CHECK(cache_bytes.empty() || cache_bytes.size() == costs.layers.size());
    for (const PartCost& layer : costs.layers) {
      sums_.push_back({sums_.back().bytes + layer.bytes, sums_.back().read + layer.read,
                       sums_.back().products + layer.products});
      const std::size_t at = caches_.size() - 1;
      caches_.push_back(caches_.back() + (cache_bytes.empty() ? 0 : cache_bytes[at]));
    }
  }
  std::int32_t layers() const { return static_cast<std::int32_t>(sums_.size()) - 1; }
  std::uint64_t cache() const { return caches_.back(); }

  PlannedStage stage(std::int32_t first, std::int32_t end, const StageDevice& device,
                     std::optional<VocabularyRange> shard = std::nullopt) const {
    PlannedStage out{
        first,
        end,
        sum(end).bytes - sum(first).bytes,
        caches_[static_cast<std::size_t>(end)] - caches_[static_cast<std::size_t>(first)],
        0,
        shard};
    if (first == 0) out.weight_bytes += costs_.embedding.bytes;
    if (end == layers())
      out.weight_bytes += costs_.head.bytes - not_here(out);
    else if (shard && costs_.tied_bytes == 0)
      out.weight_bytes += bytes_of(*shard);
    if (first == 0 && end == layers()) out.weight_bytes -= costs_.tied_bytes;
    out.seconds = static_cast<double>(read(out)) / device.bytes_per_second;
    return out;
  }
  std::uint64_t read(const PlannedStage& stage) const {
    const std::uint64_t of_layers = sum(stage.end).read - sum(stage.first).read;
    if (stage.end == layers()) return of_layers + costs_.head.read - not_here(stage);
    return of_layers + (stage.shard ? bytes_of(*stage.shard) : 0);
  }
  double weight(const PlannedStage& stage, const StageDevice& device) const {
    // With several rows in a step arithmetic takes longer than reading.
    const double all = products(0, layers());
    const auto head = static_cast<double>(costs_.head.products);
    const double own = products(stage.first, stage.end);
    double of_head = stage.end == layers() ? head : 0;
    if (stage.shard) of_head = head * part_of(stage.shard->size());
    const double of_answers = all + head > 0 ? (own + of_head) / (all + head) : 0;
    return std::max(of_prompts(stage.first, stage.end), kAnswersWeight * of_answers) /
           device.bytes_per_second;
  }
  double of_prompts(std::int32_t first, std::int32_t end) const {
    const double all = products(0, layers());
    return all > 0 ? products(first, end) / all : 0;
  }

  /// Head and tail of several stages, [0, head_end) and [tail_first, layers): with a part of the
  /// vocabulary's head each where `shared` and they have the memory.
  std::pair<PlannedStage, PlannedStage> ends(std::int32_t head_end, std::int32_t tail_first,
                                             std::span<const StageDevice> devices,
                                             bool shared) const {
    const StageDevice& head = devices.front();
    const StageDevice& tail = devices.back();
    if (const std::int32_t rows = shared ? head_rows(head_end, tail_first, head, tail) : 0) {
      const auto all = static_cast<std::int32_t>(costs_.vocabulary);
      std::pair out{
          stage(0, head_end, head, VocabularyRange{TokenId(0), TokenId(rows)}),
          stage(tail_first, layers(), tail, VocabularyRange{TokenId(rows), TokenId(all)})};
      if (fits(out.first, head) && fits(out.second, tail)) return out;
    }
    return {stage(0, head_end, head), stage(tail_first, layers(), tail)};
  }
  static bool fits(const PlannedStage& stage, const StageDevice& device) {
    return stage.weight_bytes <= device.memory &&
           stage.cache_bytes <= device.memory - stage.weight_bytes;
  }
  double weight_that_fits(const PlannedStage& stage, const StageDevice& device) const {
    return fits(stage, device) ? weight(stage, device) : kNever;
  }

 private:
  const PartCost& sum(std::int32_t layer) const { return sums_[static_cast<std::size_t>(layer)]; }
  double products(std::int32_t first, std::int32_t end) const {
    return static_cast<double>(sum(end).products - sum(first).products);
  }
  double part_of(std::int64_t rows) const {
    return static_cast<double>(rows) / static_cast<double>(costs_.vocabulary);
  }
  std::uint64_t bytes_of(const VocabularyRange& range) const {
    return static_cast<std::uint64_t>(range.size()) * costs_.head_row_bytes;
  }
  /// Bytes of the vocabulary's head that the tail leaves to the head stage.
  std::uint64_t not_here(const PlannedStage& tail) const {
    if (!tail.shard) return 0;
    return static_cast<std::uint64_t>(tail.shard->begin.value()) * costs_.head_row_bytes;
  }
  /// Rows of the vocabulary's head that the head stage has of it when a token of an answer takes
  /// equally long at both ends, in whole panels; the tail keeps one at least.
  std::int32_t head_rows(std::int32_t head_end, std::int32_t tail_first, const StageDevice& head,
                         const StageDevice& tail) const {
    const auto all = static_cast<double>(costs_.head.products);
    if (costs_.vocabulary <= kPanelRows || costs_.vocabulary > INT32_MAX || all <= 0) return 0;
    const double speeds = head.bytes_per_second + tail.bytes_per_second;
    const double part = (head.bytes_per_second * (products(tail_first, layers()) + all) -
                         tail.bytes_per_second * products(0, head_end)) /
                        (all * speeds);
    const std::int64_t panels = (costs_.vocabulary - 1) / kPanelRows;
    const auto wanted = std::llround(std::clamp(part, 0.0, 1.0) *
                                     static_cast<double>(costs_.vocabulary) / kPanelRows);
    return static_cast<std::int32_t>(std::min<std::int64_t>(wanted, panels) * kPanelRows);
  }

  const LayerCosts& costs_;
  std::vector<PartCost> sums_;         // of the layers before one
  std::vector<std::uint64_t> caches_;  // the same
};

/// Where stages end, and how slow the slowest is.
struct Cut {
  double slowest = kNever;
  std::vector<std::int32_t> ends;
};

/// The best cut of the layers from `begin` on into so many stages, by weight(stage, first, end).
template <class Weight>
Cut best_cut(std::int32_t begin, std::int32_t layers, std::int32_t stages, Weight weight) {
  // The slowest of so many stages that take the layers up to one, at best; and where the last of
  // them begins.
  struct Best {
    double slowest = kNever;
    std::int32_t first = 0;
  };
  const auto width = static_cast<std::size_t>(layers) + 1;
  std::vector<Best> best(width * static_cast<std::size_t>(stages));
  const auto at = [&](std::int32_t stage, std::int32_t end) -> Best& {
    return best[static_cast<std::size_t>(stage) * width + static_cast<std::size_t>(end)];
  };
  for (std::int32_t end = begin + 1; end <= layers; ++end)
    at(0, end) = {weight(0, begin, end), begin};
  for (std::int32_t stage = 1; stage < stages; ++stage) {
    for (std::int32_t end = begin + stage + 1; end <= layers; ++end) {
      for (std::int32_t first = begin + stage; first < end; ++first) {
        const double slowest = std::max(at(stage - 1, first).slowest, weight(stage, first, end));
        if (slowest < at(stage, end).slowest) at(stage, end) = {slowest, first};
      }
    }
  }
  Cut cut{at(stages - 1, layers).slowest, std::vector<std::int32_t>(best.size() / width)};
  std::int32_t end = layers;
  for (std::int32_t stage = stages - 1; stage >= 0; --stage) {
    cut.ends[static_cast<std::size_t>(stage)] = end;
    end = at(stage, end).first;
  }
  return cut;
}

bool shares_head(LmHeadPlace place, std::span<const StageDevice> devices) {
  return place == LmHeadPlace::kEnds ||
         (place == LmHeadPlace::kBest && devices.front().machine == devices.back().machine);
}

/// The stages that end there.
std::vector<PlannedStage> stages_to(const Costs& of, std::span<const StageDevice> devices,
                                    std::span<const std::int32_t> ends, bool shared) {
  std::vector<PlannedStage> out;
  std::int32_t first = 0;
  for (std::size_t stage = 0; stage < ends.size(); ++stage) {
    out.push_back(of.stage(first, ends[stage], devices[stage]));
    first = ends[stage];
  }
  if (out.size() > 1)
    std::tie(out.front(), out.back()) = of.ends(ends.front(), out.back().first, devices, shared);
  return out;
}

}  // namespace

std::vector<PlannedStage> plan_stages(const LayerCosts& costs, std::span<const StageDevice> devices,
                                      std::span<const std::uint64_t> cache_bytes,
                                      LmHeadPlace place) {
  const Costs of(costs, cache_bytes);
  const std::int32_t layers = of.layers();
  const auto stages = static_cast<std::int32_t>(devices.size());
  if (stages < 1 || stages > layers) {
    throw InvalidArgument("{} stages of a model of {} layers; there can be 1 to {}", stages, layers,
                          layers);
  }
  const bool shared = shares_head(place, devices);
  const auto weight = [&](std::int32_t stage, std::int32_t first, std::int32_t end) {
    const StageDevice& device = devices[static_cast<std::size_t>(stage)];
    return of.weight_that_fits(of.stage(first, end, device), device);
  };
  Cut best;
  if (stages == 1) best = {weight(0, 0, layers), {layers}};
  // What the tail has of the vocabulary's head follows from where it and the head stage end.
  for (std::int32_t head_end = 1; head_end <= layers - stages + 1 && stages > 1; ++head_end) {
    if (of.of_prompts(0, head_end) / devices.front().bytes_per_second > best.slowest) break;
    Cut cut = best_cut(head_end, layers, stages - 1,
                       [&](std::int32_t stage, std::int32_t first, std::int32_t end) {
                         if (stage + 2 < stages) return weight(stage + 1, first, end);
                         if (end < layers) return kNever;
                         const auto [head, tail] = of.ends(head_end, first, devices, shared);
                         return std::max(of.weight_that_fits(head, devices.front()),
                                         of.weight_that_fits(tail, devices.back()));
                       });
    if (cut.slowest >= best.slowest) continue;
    cut.ends.insert(cut.ends.begin(), head_end);
    best = std::move(cut);
  }
  if (best.slowest == kNever) {
    std::uint64_t needed = costs.embedding.bytes + costs.head.bytes + of.cache();
    std::uint64_t there = 0;
    for (const PartCost& layer : costs.layers) needed += layer.bytes;
    for (const StageDevice& device : devices)
      there = device.memory > UINT64_MAX - there ? UINT64_MAX : there + device.memory;
    throw ResourceExhausted(
        "no cut into {} stages fits: weights and cache are {} bytes, the devices have {} in all",
        stages, needed, there);
  }
  return stages_to(of, devices, best.ends, shared);
}

std::vector<PlannedStage> stages_of_cuts(const LayerCosts& costs,
                                         std::span<const StageDevice> devices,
                                         std::span<const LayerIndex> cuts,
                                         std::span<const std::uint64_t> cache_bytes,
                                         LmHeadPlace place) {
  const Costs of(costs, cache_bytes);
  if (devices.size() != cuts.size() + 1) {
    throw InvalidArgument("{} devices for {} stages; each needs one", devices.size(),
                          cuts.size() + 1);
  }
  std::vector<std::int32_t> ends;
  for (const LayerIndex cut : cuts) {
    if (cut.value() <= (ends.empty() ? 0 : ends.back()) || cut.value() >= of.layers()) {
      throw InvalidArgument("a cut after layer {} leaves a stage empty; the model has {} layers",
                            cut.value(), of.layers());
    }
    ends.push_back(cut.value());
  }
  ends.push_back(of.layers());
  return stages_to(of, devices, ends, shares_head(place, devices));
}

void level_speeds(std::span<StageDevice> devices) {
  constexpr double kChance = 1.25;
  std::vector<StageDevice*> order;
  for (StageDevice& device : devices) order.push_back(&device);
  std::ranges::sort(order, {}, [](const StageDevice* device) {
    return std::tie(device->machine, device->bytes_per_second);
  });
  for (auto begin = order.begin(); begin != order.end();) {
    const StageDevice& slowest = **begin;
    const auto end = std::find_if(begin, order.end(), [&](const StageDevice* device) {
      return device->machine != slowest.machine ||
             device->bytes_per_second > kChance * slowest.bytes_per_second;
    });
    double sum = 0;
    for (const StageDevice* device : std::span(begin, end)) sum += device->bytes_per_second;
    const double mean = sum / static_cast<double>(end - begin);
    for (StageDevice* device : std::span(begin, end)) device->bytes_per_second = mean;
    begin = end;
  }
}

double stage_weight(const LayerCosts& costs, const PlannedStage& stage, const StageDevice& device) {
  return Costs(costs, {}).weight(stage, device);
}

std::uint64_t bytes_read(const LayerCosts& costs, const PlannedStage& stage) {
  return Costs(costs, {}).read(stage);
}

std::vector<LayerIndex> cuts_of(std::span<const PlannedStage> stages) {
  std::vector<LayerIndex> cuts;
  for (const PlannedStage& stage : stages.subspan(1)) cuts.emplace_back(stage.first);
  return cuts;
}

}  // namespace sirocco
