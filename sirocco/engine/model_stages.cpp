#include "sirocco/engine/model_stages.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/model_plan.hpp"
#include "sirocco/pipeline/remote_stages.hpp"
#include "sirocco/platform/machine_id.hpp"
#include "sirocco/platform/read_speed.hpp"

namespace sirocco {
namespace {

/// FNV-1a of what makes a checkpoint the same: the names, formats and shapes of its tensors, and
/// the first bytes of each.
std::string hash_of(const WeightSource& weights) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&](std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes)
      hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3U;
  };
  constexpr std::size_t kFirst = 64;
  for (const StoredTensor& tensor : weights.tensors()) {
    add(std::as_bytes(std::span(tensor.name)));
    add(std::as_bytes(std::span(tensor.format->name)));
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) {
      const std::int64_t size = tensor.shape[axis];
      add(std::as_bytes(std::span(&size, 1)));
    }
    add(tensor.bytes.first(std::min(tensor.bytes.size(), kFirst)));
    weights.release(tensor);  // most are another stage's
  }
  return fmt::format("{:016x}", hash);
}

std::vector<Term> terms_of(const OpenedModel& opened, const LoadOptions& options) {
  return {{"model", hash_of(*opened.checkpoint().weights)},
          {"instruction set", std::string(isa_name(opened.isa()))},
          {"--quantize", options.quantize == nullptr ? "" : std::string(options.quantize->name)}};
}

StageOffer offer_of(const OpenedModel& opened) {
  return {std::string(opened.backend().name()), opened.threads(),
          opened.places().front().ledger.free(), read_speed(opened.backend().host_threads()),
          machine_id()};
}

}  // namespace

std::unique_ptr<LanguagePipeline> load_head(OpenedModel& opened, LoadOptions& options) {
  auto behind = std::make_unique<RemoteStages>(options.connect(terms_of(opened, options)));
  const StageOffer own = offer_of(opened);
  std::vector<StageDevice> devices = {{own.bytes_per_second, own.memory, own.machine}};
  for (const StageOffer& offer : behind->offers())
    devices.push_back({offer.bytes_per_second, offer.memory, offer.machine});
  level_speeds(devices);
  const std::vector<PlannedStage> stages =
      cut_model(opened.outline(options), options.pipeline, devices, options.cuts, options.lm_head);
  std::unique_ptr<LanguagePipeline> pipeline;
  opened.load(static_cast<const OpenOptions&>(options), [&](ModelBuilder& builder) {
    pipeline = make_language_pipeline(builder, opened.places().front(), std::move(options.pipeline),
                                      std::move(behind), stages);
  });
  return pipeline;
}

void serve_model_stage(Machine& machine, const std::filesystem::path& path, LoadOptions options) {
  options.stages = 1;  // in this process
  OpenedModel opened(machine, path, options);
  const std::unique_ptr<AnyTransport> transport = options.connect(terms_of(opened, options));
  opened.load(static_cast<const OpenOptions&>(options), [&](ModelBuilder& builder) {
    builder.expect_context(options.pipeline.context);
    const StagePlace& place = opened.places().front();
    const auto load = [&](const StageTask& task) -> LoadedStage {
      const LayerRange range = {LayerIndex(task.first), LayerIndex(task.end)};
      if (task.shard) {
        return PlacedStage<ShardedTail>(
            Stage<ShardedTail>(load_parts<ShardedTail>(builder, range, *task.shard)), place);
      }
      if (range.end.value() == builder.info().layers)
        return PlacedStage<Tail>(Stage<Tail>(load_parts<Tail>(builder, range)), place);
      return PlacedStage<Middle>(Stage<Middle>(load_parts<Middle>(builder, range)), place);
    };
    serve_stage(*transport, offer_of(opened), builder.info(), load);
  });
}

}  // namespace sirocco
