#include "sirocco/pipeline/remote_stages.hpp"

#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/stage_worker.hpp"
#include "sirocco/quant/panel.hpp"

namespace sirocco {
namespace {

constexpr Seconds kForever = std::numeric_limits<Seconds>::infinity();

Received receive(AnyTransport& transport) {
  while (true)
    if (std::optional<Received> received = transport.receive(kForever)) return std::move(*received);
}

}  // namespace

RemoteStages::RemoteStages(std::unique_ptr<AnyTransport> head_end)
    : transport_(std::move(head_end)), waiting_(static_cast<std::size_t>(transport_->stages())) {
  for (int stage = 1; stage < transport_->stages(); ++stage)
    offers_.push_back(read_offer(receive_of(stage)));
}

RemoteStages::~RemoteStages() { transport_->shutdown(); }

Frame RemoteStages::receive_of(int stage) {
  std::deque<Frame>& frames = waiting_[static_cast<std::size_t>(stage)];
  while (frames.empty()) {
    Received received = receive(*transport_);
    if (received.frame.header.kind == FrameKind::kShutdown)
      throw PeerLost(received.from, "it ended before it was set up");
    waiting_[static_cast<std::size_t>(received.from)].push_back(std::move(received.frame));
  }
  Frame frame = std::move(frames.front());
  frames.pop_front();
  return frame;
}

void RemoteStages::assign(std::span<const PlannedStage> stages) {
  SIROCCO_CHECK(std::ssize(stages) == transport_->stages());
  stages_.assign(stages.begin(), stages.end());
  for (int stage = 1; stage < transport_->stages(); ++stage) {
    const PlannedStage& planned = stages_[static_cast<std::size_t>(stage)];
    send_setup(*transport_, stage, StageTask{planned.first, planned.end, planned.shard});
  }
}

void RemoteStages::loaded() {
  for (int stage = 1; stage < transport_->stages(); ++stage) {
    const PlannedStage& planned = stages_[static_cast<std::size_t>(stage)];
    const StageNeeds needs = read_needs(receive_of(stage));
    if (std::ssize(needs.layers) != planned.end - planned.first) {
      throw FormatError("stage {} tells of {} layers; expected {}", stage, needs.layers.size(),
                        planned.end - planned.first);
    }
    layouts_.emplace_back(LayerIndex(planned.first), needs.layers);
    rooms_.push_back({needs.cache_room});
  }
}

std::vector<StagePlacement> RemoteStages::placement() const {
  std::vector<StagePlacement> out;
  for (std::size_t i = 0; i < offers_.size(); ++i)
    out.push_back({i + 1 < offers_.size() ? "middle" : "tail", offers_[i].backend});
  return out;
}

std::vector<const CacheLayout*> RemoteStages::layouts() const {
  std::vector<const CacheLayout*> out;
  for (const CacheLayout& layout : layouts_) out.push_back(&layout);
  return out;
}

void RemoteStages::start(const CachePools& pools, std::shared_ptr<const PipelineLimits> limits) {
  for (int stage = 1; stage < transport_->stages(); ++stage)
    send_setup(*transport_, stage,
               StageStart{pools.shape(stage), limits->max_context, limits->max_step});
  for (int stage = 1; stage < transport_->stages(); ++stage) read_ready(receive_of(stage));
}

namespace {

Frame receive_of_head(AnyTransport& transport) {
  Received received = receive(transport);
  if (received.frame.header.kind == FrameKind::kShutdown)
    throw PeerLost(received.from, "it ended before the stages were set up");
  if (received.from != 0)
    throw FormatError("stage {} sent a frame before the stages were set up", received.from);
  return std::move(received.frame);
}

/// Throws FormatError unless it is a tail's, which has the end of the vocabulary.
void require_shard(const StageTask& task, const ModelInfo& info) {
  const VocabularyRange& shard = *task.shard;
  if (task.end != info.layers || shard.begin.value() < 1 || shard.size() < 1 ||
      shard.end.value() != info.vocabulary || shard.begin.value() % kPanelRows != 0) {
    throw FormatError("tokens {} to {} of {} were asked for, with layers to {} of {}",
                      shard.begin.value(), shard.end.value(), info.vocabulary, task.end,
                      info.layers);
  }
}

template <class Role>
StageNeeds needs_of(const PlacedStage<Role>& stage, LayerRange range) {
  const CacheLayout& layout = stage.stage.cache_layout();
  StageNeeds needs;
  for (std::int32_t layer = range.begin.value(); layer < range.end.value(); ++layer)
    needs.layers.push_back(layout.need(LayerIndex(layer)));
  needs.cache_room = usual_cache_room(*stage.ledger).bytes;
  return needs;
}

template <class Role>
void serve(PlacedStage<Role>& stage, AnyTransport& transport, const ModelInfo& info,
           LayerRange range) {
  send_setup(transport, 0, needs_of(stage, range));
  StageStart start = read_start(receive_of_head(transport));
  if (start.cache.blocks.size() != stage.stage.cache_layout().groups().size()) {
    throw FormatError("a cache of {} groups; this stage has {}", start.cache.blocks.size(),
                      stage.stage.cache_layout().groups().size());
  }
  stage.allocate(start.cache);
  PipelineLimits limits;
  limits.vocabulary = info.vocabulary;
  limits.width = info.width;
  limits.max_context = start.max_context;
  limits.max_step = start.max_step;
  StageWorker<Role> worker(stage, limits, std::move(start.cache), transport);
  send_setup(transport, 0, StageReady{});
  worker.run();
}

}  // namespace

void serve_stage(AnyTransport& transport, const StageOffer& offer, const ModelInfo& info,
                 const std::function<LoadedStage(const StageTask&)>& load) {
  try {
    send_setup(transport, 0, offer);
    const StageTask task = read_task(receive_of_head(transport));
    if (task.first < 1 || task.end <= task.first || task.end > info.layers) {
      throw FormatError("layers {} to {} were asked for, of {}", task.first, task.end, info.layers);
    }
    if (task.shard) require_shard(task, info);
    const LayerRange range = {LayerIndex(task.first), LayerIndex(task.end)};
    LoadedStage stage = load(task);
    std::visit([&](auto& placed) { serve(placed, transport, info, range); }, stage);
  } catch (const PeerLost&) {
    throw;
  } catch (const std::exception& e) {
    send_error(transport, 0, e);
    throw;
  }
}

}  // namespace sirocco
