#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/models/model.hpp"
#include "sirocco/pipeline/placed_stage.hpp"
#include "sirocco/pipeline/stage_plan.hpp"
#include "sirocco/pipeline/stage_setup.hpp"
#include "sirocco/pipeline/stages_behind.hpp"

namespace sirocco {

/// The stages behind the head in other processes, as the head sees them.
class RemoteStages final : public StagesBehind {
 public:
  /// Hears what each of them has to offer. Throws PeerLost, FormatError, and what a stage says
  /// instead.
  explicit RemoteStages(std::unique_ptr<AnyTransport> head_end);
  ~RemoteStages() override;

  const std::vector<StageOffer>& offers() const { return offers_; }
  /// Has each load its layers: `stages` are all of the model's, the head's first. They load at the
  /// same time, while the head does; `loaded` waits for them.
  void assign(std::span<const PlannedStage> stages);
  void loaded();

  std::vector<StagePlacement> placement() const override;
  std::vector<const CacheLayout*> layouts() const override;
  std::vector<CacheRoom> rooms() const override { return rooms_; }
  void start(const CachePools& pools, std::shared_ptr<const PipelineLimits> limits) override;
  AnyTransport& transport() override { return *transport_; }

 private:
  Frame receive_of(int stage);

  std::unique_ptr<AnyTransport> transport_;
  std::vector<std::deque<Frame>> waiting_;  // of each stage, those that came before their turn
  std::vector<StageOffer> offers_;
  std::vector<PlannedStage> stages_;
  std::vector<CacheLayout> layouts_;
  std::vector<CacheRoom> rooms_;
};

/// A stage behind the head, loaded.
using LoadedStage = std::variant<PlacedStage<Middle>, PlacedStage<Tail>, PlacedStage<ShardedTail>>;

/// Is one of the stages of a head in another process, from its offer to the head's shutdown. `load`
/// loads what the head asks for, which the model has: a tail where the last layer is among it, a
/// sharded one where that has a shard. Throws what loading throws, of which the head hears, and
/// what StageWorker throws.
void serve_stage(AnyTransport& transport, const StageOffer& offer, const ModelInfo& info,
                 const std::function<LoadedStage(const StageTask&)>& load);

}  // namespace sirocco
