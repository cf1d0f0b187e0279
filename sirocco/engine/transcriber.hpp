#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "sirocco/engine/opened_model.hpp"
#include "sirocco/media/log_mel.hpp"
#include "sirocco/media/sound.hpp"
#include "sirocco/pipeline/transcription_pipeline.hpp"

namespace sirocco {

/// A LoadedTranscriber is a model that writes down what it hears, ready to run, with everything
/// that it stands on. Move-only; its const members are thread-safe.
class LoadedTranscriber {
 public:
  LoadedTranscriber(LoadedTranscriber&&) noexcept;
  LoadedTranscriber& operator=(LoadedTranscriber&&) noexcept;
  ~LoadedTranscriber();

  TranscriptionPipeline& pipeline() const;
  /// Shared with an engine. The model must still outlive the engine's use of it.
  std::shared_ptr<TranscriptionPipeline> shared_pipeline() const;
  const TranscriptionTokens& tokens() const { return pipeline().tokens(); }
  const Tokenizer& tokenizer() const;

  /// Samples a second that sound has to have.
  int rate() const;
  /// Frames of a sound of that rate. Throws InvalidArgument where it has another one.
  TranscriptionJob job(const Sound& sound, TranscriptionOptions options) const;
  /// The text of a segment, as the model spells it, mostly with a blank in front; may begin or end
  /// within a character.
  std::string text(const TranscriptionSegment& segment) const;

 private:
  friend LoadedTranscriber load_transcriber(Machine&, const std::filesystem::path&, OpenOptions,
                                            TranscriptionPipelineOptions);
  struct State;
  explicit LoadedTranscriber(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Opens a folder and loads it onto `machine`, which outlives it. Throws what opening, the
/// architecture, the files beside the weights, the options and the memory say.
LoadedTranscriber load_transcriber(Machine& machine, const std::filesystem::path& path,
                                   OpenOptions open = {},
                                   TranscriptionPipelineOptions options = {});

}  // namespace sirocco
