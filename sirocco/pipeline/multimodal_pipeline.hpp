#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/pipeline/encoded_inputs.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/pipeline/multimodal_job.hpp"
#include "sirocco/pipeline/multimodal_work.hpp"

namespace sirocco {

struct MultimodalPipelineOptions {
  /// Bytes of encoded pictures and sounds that are kept for whoever shows them again.
  std::uint64_t max_encoded_bytes = std::uint64_t{256} << 20;
};

/// Models that see or hear: encoders with their projectors, and a language model that gets rows of
/// pictures and sounds in place of some tokens and never learns where they came from. Encoding is
/// work like any other: some rows of a layer at a time, in steps that others' answers go on in.
/// What was encoded is kept by its contents, and what the prefix cache has the rows of isn't
/// encoded at all. For one backend the bits of an answer don't depend on any of it.
class MultimodalPipeline final : public Pipeline {
 public:
  using Job = MultimodalJob;
  using Terms = TextTerms;
  using CheckedJob = CheckedMultimodalJob;
  using Work = MultimodalWork;
  using Event = TextEvent;

  /// The encoders run at `place`, on the thread that runs the steps. `row_products` are those of a
  /// row of the language model with its weights. Throws InvalidArgument for an encoder of another
  /// language model, UnsupportedError for one whose family isn't known or whose rows this one can't
  /// place, and where stages cut the layers behind which rows are added.
  MultimodalPipeline(std::shared_ptr<LanguagePipeline> language, Encoders encoders,
                     const StagePlace& place, std::uint64_t row_products,
                     MultimodalPipelineOptions options = {});
  ~MultimodalPipeline() override;

  const ModelInfo& info() const override { return language_->info(); }
  const Encoders& encoders() const { return encoders_; }
  std::vector<StagePlacement> placement() const override;
  std::shared_ptr<const PipelineLimits> limits() const override { return limits_; }
  CacheStatus cache_status() const override { return language_->cache_status(); }

  /// A picture and a sound for a job. Thread-safe. Throw InvalidArgument unless there are pieces,
  /// which the encoder can read, and UnsupportedError where there is no such encoder.
  std::shared_ptr<const EncoderInput> picture(std::vector<EncoderTile> tiles) const;
  std::shared_ptr<const EncoderInput> sound(std::vector<EncoderWindow> windows) const;
  /// The rows of a picture or a sound, f32 [rows, width] and perhaps the encoder's row for the end
  /// of a row of tiles, at once: not while there is work. Throws ResourceExhausted and what a fault
  /// says.
  std::vector<float> encode(const std::shared_ptr<const EncoderInput>& input);

  /// LanguagePipeline::score of text and pictures: not while there is work. Throws as that, as
  /// encode, and as CheckedMultimodalJob of its parts.
  void score(std::vector<PromptPart> prompt, std::span<const int> chunks,
             LanguagePipeline::VisitLogits visit);

  static CheckedMultimodalJob check(const PipelineLimits& limits, MultimodalJob job) {
    return CheckedMultimodalJob(limits, std::move(job));
  }
  std::optional<MultimodalWork> begin(CheckedMultimodalJob& job);
  Ticket submit(std::span<const Share<MultimodalWork>> shares);
  double wait(Ticket ticket);

  LanguagePipeline& language() { return *language_; }
  const EncodedInputs& encoded() const { return encoded_; }

 private:
  struct Step {
    std::uint64_t number;
    std::optional<Ticket> text;
    std::vector<MultimodalWork*> encoding;
    double seconds;
  };

  std::shared_ptr<LanguagePipeline> language_;
  Encoders encoders_;
  Backend& backend_;
  StepMemory memory_;
  std::shared_ptr<const PipelineLimits> limits_;
  EncodedInputs encoded_;
  std::vector<Step> submitted_;  // and not yet waited for, the oldest first
  std::uint64_t steps_ = 0;
};

static_assert(RunsWork<MultimodalPipeline>);

}  // namespace sirocco
