#include "sirocco/pipeline/local_stages.hpp"

#include <pthread.h>

#include <exception>
#include <utility>

#include "sirocco/base/log.hpp"
#include "sirocco/pipeline/stage_worker.hpp"
#include "sirocco/platform/cpu_set.hpp"
#include "sirocco/transport/local_transport.hpp"

namespace sirocco {

LocalStages::~LocalStages() {
  if (!ends_.empty()) ends_.front()->shutdown();
  for (std::thread& thread : threads_) thread.join();
}

std::vector<StagePlacement> LocalStages::placement() const {
  std::vector<StagePlacement> out;
  for (const auto& middle : middles_) out.push_back({"middle", middle.backend->name()});
  std::visit([&](const auto& tail) { out.push_back({"tail", tail.backend->name()}); }, tail_);
  return out;
}

std::vector<const CacheLayout*> LocalStages::layouts() const {
  std::vector<const CacheLayout*> out;
  for (const auto& middle : middles_) out.push_back(&middle.stage.cache_layout());
  std::visit([&](const auto& tail) { out.push_back(&tail.stage.cache_layout()); }, tail_);
  return out;
}

std::vector<CacheRoom> LocalStages::rooms() const {
  std::vector<CacheRoom> out;
  for (const auto& middle : middles_) out.push_back(usual_cache_room(*middle.ledger));
  std::visit([&](const auto& tail) { out.push_back(usual_cache_room(*tail.ledger)); }, tail_);
  return out;
}

void LocalStages::start(const CachePools& pools, std::shared_ptr<const PipelineLimits> limits) {
  int number = 1;
  for (auto& middle : middles_) middle.allocate(pools.shape(number++));
  std::visit([&](auto& tail) { tail.allocate(pools.shape(number)); }, tail_);
  for (LocalTransport& end : LocalTransport::connect(number + 1))
    ends_.push_back(
        std::make_unique<AnyTransport>(std::make_unique<LocalTransport>(std::move(end))));
  const auto work = [&]<class Role>(PlacedStage<Role>& stage, int of_stage) {
    threads_.emplace_back([&stage, &end = *ends_[static_cast<std::size_t>(of_stage)], limits,
                           shape = pools.shape(of_stage)] {
      try {
        const std::optional<int> cpu = stage.backend->host_threads().cpu_of_caller();
        if (cpu) bind_thread(pthread_self(), *cpu);
        StageWorker<Role>(stage, *limits, shape, end).run();
      } catch (const std::exception& e) {
        end.fail(e.what());  // the head says what became of it
      }
    });
  };
  number = 1;
  for (auto& middle : middles_) work(middle, number++);
  std::visit([&](auto& tail) { work(tail, number); }, tail_);
}

}  // namespace sirocco
