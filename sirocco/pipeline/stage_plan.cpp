#include "sirocco/pipeline/stage_plan.hpp"

#include <algorithm>
#include <limits>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// Steps of answers are short, and on several threads a part of them is waiting for one another: cut
// into stages of fewer threads they gain a fifth (measured on two cores), prompts nothing.
constexpr double kAnswersWeight = 0.8;

/// Sums of what layers before one cost.
class Costs {
 public:
  Costs(const LayerCosts& costs, std::span<const std::uint64_t> cache_bytes)
      : embedding_(costs.embedding),
        head_(costs.head),
        tied_bytes_(costs.tied_bytes),
        sums_(1),
        caches_(1) {
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

  PlannedStage stage(std::int32_t first, std::int32_t end, const StageDevice& device) const {
    const auto sum = [&](std::int32_t layer) { return sums_[static_cast<std::size_t>(layer)]; };
    PlannedStage out{
        first, end, sum(end).bytes - sum(first).bytes,
        caches_[static_cast<std::size_t>(end)] - caches_[static_cast<std::size_t>(first)], 0};
    std::uint64_t read = sum(end).read - sum(first).read;
    if (first == 0) out.weight_bytes += embedding_.bytes;
    if (end == layers()) {
      out.weight_bytes += head_.bytes;
      read += head_.read;
    }
    if (first == 0 && end == layers()) out.weight_bytes -= tied_bytes_;
    out.seconds = static_cast<double>(read) / device.bytes_per_second;
    return out;
  }
  double weight(std::int32_t first, std::int32_t end, const StageDevice& device) const {
    // With several rows in a step arithmetic takes longer than reading.
    const auto products = [&](std::int32_t layer) {
      return static_cast<double>(sums_[static_cast<std::size_t>(layer)].products);
    };
    const double all = products(layers());
    const auto head = static_cast<double>(head_.products);
    const double own = products(end) - products(first);
    const double of_prompts = all > 0 ? own / all : 0;
    const double with_head = end == layers() ? own + head : own;
    const double of_answers = all + head > 0 ? with_head / (all + head) : 0;
    return std::max(of_prompts, kAnswersWeight * of_answers) / device.bytes_per_second;
  }
  double weight_that_fits(std::int32_t first, std::int32_t end, const StageDevice& device) const {
    const PlannedStage planned = stage(first, end, device);
    const bool fits = planned.weight_bytes <= device.memory &&
                      planned.cache_bytes <= device.memory - planned.weight_bytes;
    return fits ? weight(first, end, device) : kNever;
  }

 private:
  PartCost embedding_;
  PartCost head_;
  std::uint64_t tied_bytes_;
  std::vector<PartCost> sums_;         // of the layers before one
  std::vector<std::uint64_t> caches_;  // the same
};

}  // namespace

std::vector<PlannedStage> plan_stages(const LayerCosts& costs, std::span<const StageDevice> devices,
                                      std::span<const std::uint64_t> cache_bytes) {
  const Costs of(costs, cache_bytes);
  const std::int32_t layers = of.layers();
  const auto stages = static_cast<std::int32_t>(devices.size());
  if (stages < 1 || stages > layers) {
    throw InvalidArgument("{} stages of a model of {} layers; there can be 1 to {}", stages, layers,
                          layers);
  }
  // The slowest of so many stages that take the layers before one, at best; and where the last of
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
  for (std::int32_t end = 1; end <= layers; ++end)
    at(0, end) = {of.weight_that_fits(0, end, devices[0]), 0};
  for (std::int32_t stage = 1; stage < stages; ++stage) {
    const StageDevice& device = devices[static_cast<std::size_t>(stage)];
    for (std::int32_t end = stage + 1; end <= layers; ++end) {
      for (std::int32_t first = stage; first < end; ++first) {
        const double slowest =
            std::max(at(stage - 1, first).slowest, of.weight_that_fits(first, end, device));
        if (slowest < at(stage, end).slowest) at(stage, end) = {slowest, first};
      }
    }
  }
  if (at(stages - 1, layers).slowest == kNever) {
    std::uint64_t needed = costs.embedding.bytes + costs.head.bytes + of.cache();
    std::uint64_t there = 0;
    for (const PartCost& layer : costs.layers) needed += layer.bytes;
    for (const StageDevice& device : devices)
      there = device.memory > UINT64_MAX - there ? UINT64_MAX : there + device.memory;
    throw ResourceExhausted(
        "no cut into {} stages fits: weights and cache are {} bytes, the devices have {} in all",
        stages, needed, there);
  }
  std::vector<PlannedStage> out(devices.size());
  std::int32_t end = layers;
  for (std::int32_t stage = stages - 1; stage >= 0; --stage) {
    const std::int32_t first = at(stage, end).first;
    out[static_cast<std::size_t>(stage)] =
        of.stage(first, end, devices[static_cast<std::size_t>(stage)]);
    end = first;
  }
  return out;
}

std::vector<PlannedStage> stages_of_cuts(const LayerCosts& costs,
                                         std::span<const StageDevice> devices,
                                         std::span<const LayerIndex> cuts,
                                         std::span<const std::uint64_t> cache_bytes) {
  const Costs of(costs, cache_bytes);
  if (devices.size() != cuts.size() + 1) {
    throw InvalidArgument("{} devices for {} stages; each needs one", devices.size(),
                          cuts.size() + 1);
  }
  std::vector<PlannedStage> out;
  std::int32_t first = 0;
  for (std::size_t stage = 0; stage < devices.size(); ++stage) {
    const std::int32_t end = stage < cuts.size() ? cuts[stage].value() : of.layers();
    if (end <= first || (stage < cuts.size() && end >= of.layers())) {
      throw InvalidArgument("a cut after layer {} leaves a stage empty; the model has {} layers",
                            end, of.layers());
    }
    out.push_back(of.stage(first, end, devices[stage]));
    first = end;
  }
  return out;
}

double stage_weight(const LayerCosts& costs, std::int32_t first, std::int32_t end,
                    const StageDevice& device) {
  return Costs(costs, {}).weight(first, end, device);
}

std::vector<LayerIndex> cuts_of(std::span<const PlannedStage> stages) {
  std::vector<LayerIndex> cuts;
  for (const PlannedStage& stage : stages.subspan(1)) cuts.emplace_back(stage.first);
  return cuts;
}

}  // namespace sirocco
