#pragma once

#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/pipeline/placed_stage.hpp"
#include "sirocco/pipeline/stages_behind.hpp"

namespace sirocco {

/// Stages behind the head in this process, each on a thread of its own.
class LocalStages final : public StagesBehind {
 public:
  /// No two stages share a backend, nor one with the head.
  LocalStages(std::vector<PlacedStage<Middle>> middles, PlacedStage<Tail> tail)
      : middles_(std::move(middles)), tail_(std::move(tail)) {}
  /// Behind a ShardedHead.
  LocalStages(std::vector<PlacedStage<Middle>> middles, PlacedStage<ShardedTail> tail)
      : middles_(std::move(middles)), tail_(std::move(tail)) {}
  ~LocalStages() override;

  std::vector<StagePlacement> placement() const override;
  std::vector<const CacheLayout*> layouts() const override;
  std::vector<CacheRoom> rooms() const override;
  void start(const CachePools& pools, std::shared_ptr<const PipelineLimits> limits) override;
  AnyTransport& transport() override { return *ends_.front(); }

 private:
  std::vector<PlacedStage<Middle>> middles_;
  std::variant<PlacedStage<Tail>, PlacedStage<ShardedTail>> tail_;
  std::vector<std::unique_ptr<AnyTransport>> ends_;  // of all stages, the head's first
  std::vector<std::thread> threads_;
};

}  // namespace sirocco
