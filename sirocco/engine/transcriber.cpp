#include "sirocco/engine/transcriber.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/quantized_weights.hpp"
#include "sirocco/models/registry.hpp"

namespace sirocco {

struct LoadedTranscriber::State {
  State(Machine& machine, const std::filesystem::path& path, const OpenOptions& open)
      : opened(machine, path, open) {}
  OpenedModel opened;
  std::optional<LogMel> log_mel;
  std::shared_ptr<TranscriptionPipeline> pipeline;
};

LoadedTranscriber::LoadedTranscriber(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadedTranscriber::LoadedTranscriber(LoadedTranscriber&&) noexcept = default;
LoadedTranscriber& LoadedTranscriber::operator=(LoadedTranscriber&&) noexcept = default;
LoadedTranscriber::~LoadedTranscriber() = default;

TranscriptionPipeline& LoadedTranscriber::pipeline() const { return *state_->pipeline; }
std::shared_ptr<TranscriptionPipeline> LoadedTranscriber::shared_pipeline() const {
  return state_->pipeline;
}
const Tokenizer& LoadedTranscriber::tokenizer() const { return state_->opened.tokenizer(); }
int LoadedTranscriber::rate() const { return state_->log_mel->config().rate; }

TranscriptionJob LoadedTranscriber::job(const Sound& sound, TranscriptionOptions options) const {
  const LogMelConfig& config = state_->log_mel->config();
  if (sound.rate != config.rate) {
    throw InvalidArgument("a sound has {} samples a second; the model takes {}", sound.rate,
                          config.rate);
  }
  TranscriptionJob out;
  out.sound = state_->log_mel->whole(sound.samples, config.window_samples());
  out.frames = std::ssize(sound.samples) / config.hop;
  out.frame_seconds = static_cast<double>(config.hop) / config.rate;
  out.options = std::move(options);
  return out;
}

std::string LoadedTranscriber::text(const TranscriptionSegment& segment) const {
  std::vector<TokenId> text;
  std::ranges::copy_if(segment.tokens, std::back_inserter(text),
                       [&](TokenId token) { return tokens().is_text(token); });
  return tokenizer().detokenize(text);
}

LoadedTranscriber load_transcriber(Machine& machine, const std::filesystem::path& path,
                                   OpenOptions open, TranscriptionPipelineOptions options) {
  if (open.stages != 1)
    throw InvalidArgument("a model that writes down what it hears has one stage");
  auto state = std::make_unique<LoadedTranscriber::State>(machine, path, open);
  const Checkpoint& checkpoint = state->opened.checkpoint();
  CanonicalCheckpoint canonical =
      canonical_speech_checkpoint(checkpoint.metadata, checkpoint.weights);
  // What a folder lacks is said before its weights are read.
  state->log_mel.emplace(read_log_mel_config(*checkpoint.files));
  const Tokenizer& tokenizer = state->opened.tokenizer();
  log_passed(canonical.weights->origin(), canonical.passed);
  if (open.quantize != nullptr)
    canonical.weights = quantized_weights(std::move(canonical.weights), *open.quantize);
  SpeechModel model = load_speech_model(
      {*canonical.metadata, *canonical.weights, state->opened.backend(), std::move(open.progress)});
  const LogMelConfig& mel = state->log_mel->config();
  if (mel.bins != model.config.bins || mel.window_frames() != model.config.window_frames()) {
    throw FormatError(
        "{}: sound is prepared as windows of {} frames of {} bands, but the model takes {} of {}",
        checkpoint.metadata->origin(), mel.window_frames(), mel.bins, model.config.window_frames(),
        model.config.bins);
  }
  auto tokens = read_transcription_tokens(*checkpoint.metadata, model.config.vocabulary);
  state->pipeline = std::make_shared<TranscriptionPipeline>(
      std::move(model), std::move(tokens),
      [&tokenizer](std::span<const TokenId> text) { return tokenizer.detokenize(text); },
      state->opened.places().front(), std::move(options));
  return LoadedTranscriber(std::move(state));
}

}  // namespace sirocco
