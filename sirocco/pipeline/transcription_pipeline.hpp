#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/media/log_mel.hpp"
#include "sirocco/models/speech_model.hpp"
#include "sirocco/pipeline/encoder_pass.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/placed_stage.hpp"
#include "sirocco/pipeline/transcript.hpp"

namespace sirocco {

/// A TranscriptionJob is a sound that is to be written down.
struct TranscriptionJob {
  /// Of the sound and of a window of silence behind it (LogMel::whole), so that it doesn't end in
  /// its mirror image.
  LogMelFrames sound;
  std::int64_t frames = 0;      ///< of the sound itself; what follows isn't heard
  double frame_seconds = 0.01;  ///< from one frame to the next
  TranscriptionOptions options = {};
};

/// What holds for such a job.
struct TranscriptionTerms {
  double seconds = 0.0;  ///< how long the sound is
};

/// A transcription job that a pipeline of certain limits can run. Move-only.
class CheckedTranscriptionJob {
 public:
  /// Throws InvalidArgument for frames that aren't of the model's bands, for none of them or more
  /// than there are, and for options that can't be.
  CheckedTranscriptionJob(const PipelineLimits& limits, TranscriptionJob job);
  CheckedTranscriptionJob(CheckedTranscriptionJob&&) noexcept = default;
  CheckedTranscriptionJob& operator=(CheckedTranscriptionJob&&) noexcept = default;

  TranscriptionTerms terms() const {
    return {static_cast<double>(job_.frames) * job_.frame_seconds};
  }
  Usage usage() const { return {.prompt = job_.frames}; }

 private:
  friend class TranscriptionPipeline;
  TranscriptionJob job_;
};

/// A sound that is being written down. It advances by some rows of a window, or by a token.
class TranscriptionWork {
 public:
  TranscriptionWork(TranscriptionWork&&) noexcept = default;
  TranscriptionWork& operator=(TranscriptionWork&&) noexcept = default;

  Demand demand() const;
  std::optional<TranscriptionEvent> next_event() { return transcript_->next_event(); }
  const std::optional<Ending>& ending() const { return ending_; }
  Usage usage() const { return {.prompt = frames_, .generated = transcript_->written()}; }

 private:
  friend class TranscriptionPipeline;
  /// A place in the caches, given back with the work.
  using Place = std::unique_ptr<std::int32_t, std::function<void(std::int32_t*)>>;

  /// `remember_cost` is what it takes to remember a window that was encoded.
  TranscriptionWork(TranscriptionJob job, Place place, std::unique_ptr<Transcript> transcript,
                    EncoderCost remember_cost);

  /// Begins with the window that is wanted, if one is. The ledger outlives this.
  void listen(const AnySoundEncoder& encoder, ByteLedger& ledger);

  std::int64_t frames_;
  LogMelFrames sound_;
  Place place_;
  std::unique_ptr<Transcript> transcript_;
  EncoderCost remember_cost_;
  std::optional<EncoderPass> pass_;  // of the window that is wanted, until it is remembered
  std::int64_t remembered_ = 0;      // rows that the decoder has of it
  EncoderCost to_remember_ = 0;      // what the others cost
  std::optional<Ending> ending_;
};

struct TranscriptionPipelineOptions {
  int max_sequences = 4;          ///< sounds at a time
  KvType kv_type = KvType::kF16;  ///< of both caches
  PipelineHooks hooks = {};
};

/// Models that write down what they hear. A step encodes some rows of a window of some sounds and
/// writes the next token of others. For one backend, what is written is the same whatever else is
/// in the step.
class TranscriptionPipeline final : public Pipeline {
 public:
  using Job = TranscriptionJob;
  using Terms = TranscriptionTerms;
  using CheckedJob = CheckedTranscriptionJob;
  using Work = TranscriptionWork;
  using Event = TranscriptionEvent;

  /// `text_of` makes the bytes of tokens of text; it outlives the pipeline's use of what it holds.
  /// Throws InvalidArgument for options that can't be, FormatError where the vocabulary has no
  /// timestamp for each step of time, ResourceExhausted.
  TranscriptionPipeline(SpeechModel model, TranscriptionTokens tokens, Transcript::TextOf text_of,
                        const StagePlace& place, TranscriptionPipelineOptions options = {});
  ~TranscriptionPipeline() override;

  const ModelInfo& info() const override { return model_.info; }
  std::vector<StagePlacement> placement() const override;
  std::shared_ptr<const PipelineLimits> limits() const override { return limits_; }
  const TranscriptionTokens& tokens() const { return tokens_; }

  static CheckedTranscriptionJob check(const PipelineLimits& limits, TranscriptionJob job) {
    return CheckedTranscriptionJob(limits, std::move(job));
  }
  /// Throws InvalidArgument for a language or a translation that the model doesn't know.
  std::optional<TranscriptionWork> begin(CheckedTranscriptionJob& job);
  Ticket submit(std::span<const Share<TranscriptionWork>> shares);
  double wait(Ticket ticket);

 private:
  /// Goes on with the window of a sound, and keeps what was made of it where decoding reads it.
  void encode(TranscriptionWork& work, EncoderCost budget);
  void remember(TranscriptionWork& work, RowRange rows);
  void decode(std::span<TranscriptionWork* const> works);
  const CacheViews& views(std::span<TranscriptionWork* const> works);
  void check_options(const TranscriptionOptions& options) const;

  SpeechModel model_;
  AnySoundEncoder encoder_;
  TranscriptionTokens tokens_;
  Transcript::TextOf text_of_;
  Backend* backend_;
  ByteLedger* ledger_;
  TranscriptionPipelineOptions options_;
  std::int32_t own_blocks_;      // of a sequence
  std::int32_t encoded_blocks_;  // of a window
  std::optional<CacheMemory> cache_;
  StepMemory memory_;
  std::shared_ptr<const PipelineLimits> limits_;
  std::shared_ptr<std::vector<std::int32_t>> free_places_;
  // Of the step that was submitted.
  std::vector<TranscriptionWork*> submitted_;
  std::uint64_t steps_ = 0;
  double seconds_ = 0;
  // Kept for their memory.
  StageCaches caches_;
  StepRows rows_;
  std::vector<TokenId> step_tokens_;
  std::vector<float> last_;
};

static_assert(RunsWork<TranscriptionPipeline>);

}  // namespace sirocco
