#pragma once

#include <memory>
#include <vector>

#include "sirocco/pipeline/cache_choice.hpp"
#include "sirocco/pipeline/cache_pools.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/transport/any_transport.hpp"

namespace sirocco {

/// The stages of a model behind its head, wherever they are.
class StagesBehind {
 public:
  virtual ~StagesBehind() = default;

  /// Of each of them; valid as long as they are.
  virtual std::vector<StagePlacement> placement() const = 0;
  virtual std::vector<const CacheLayout*> layouts() const = 0;
  virtual std::vector<CacheRoom> rooms() const = 0;
  /// Makes the memory of their caches and sets them to work. Throws ResourceExhausted.
  virtual void start(const CachePools& pools, std::shared_ptr<const PipelineLimits> limits) = 0;
  /// The head's end of what is between all stages, from the start on.
  virtual AnyTransport& transport() = 0;
};

}  // namespace sirocco
