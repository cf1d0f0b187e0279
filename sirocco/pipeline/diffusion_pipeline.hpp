#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/pipeline/diffusion_work.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/placed_stage.hpp"

namespace sirocco {

struct DiffusionPipelineOptions {
  int max_pictures = 4;  ///< at a time
  std::int64_t max_pixels = std::int64_t{4096} * 4096;
  std::int64_t max_steps = 1000;
};

/// Models that make pictures of texts. A step reads some layers of the texts of some pictures and
/// brings the latents or the pixels of others some rows on. For one backend a picture is the same
/// bits whatever else is in the steps, and however large they are.
class DiffusionPipeline final : public Pipeline {
 public:
  using Job = DiffusionJob;
  using Terms = DiffusionTerms;
  using CheckedJob = CheckedDiffusionJob;
  using Work = DiffusionWork;
  using Event = DiffusionEvent;

  /// Throws InvalidArgument for parts that don't fit one another and options that can't be.
  DiffusionPipeline(ModelInfo info, DiffusionModel model, const StagePlace& place,
                    const DiffusionPipelineOptions& options = {});
  ~DiffusionPipeline() override;

  const ModelInfo& info() const override { return info_; }
  std::vector<StagePlacement> placement() const override { return {{"whole", backend_.name()}}; }
  std::shared_ptr<const PipelineLimits> limits() const override { return limits_; }

  static CheckedDiffusionJob check(const PipelineLimits& limits, DiffusionJob job) {
    return CheckedDiffusionJob(limits, std::move(job));
  }
  /// Throws ResourceExhausted for a picture that doesn't fit while no other is in the making.
  std::optional<DiffusionWork> begin(CheckedDiffusionJob& job);
  Ticket submit(std::span<const Share<DiffusionWork>> shares);
  double wait(Ticket ticket);

 private:
  ModelInfo info_;
  DiffusionModel model_;
  Backend& backend_;
  ByteLedger& ledger_;
  StepMemory memory_;
  std::shared_ptr<const PipelineLimits> limits_;
  std::shared_ptr<int> running_ = std::make_shared<int>(0);
  std::uint64_t steps_ = 0;
  double seconds_ = 0;
};

static_assert(RunsWork<DiffusionPipeline>);

}  // namespace sirocco
