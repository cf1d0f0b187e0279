#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/engine/picture_reader.hpp"
#include "sirocco/engine/sound_reader.hpp"
#include "sirocco/text/chat_template.hpp"
#include "sirocco/text/message_contents.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// A ReadMedium is a picture or a sound that is ready for a prompt. Copies share it.
using ReadMedium = std::variant<ReadPicture, ReadSound>;

/// What it is, and the rows that it has in a prompt, its family's text beside them not counted.
Medium medium_of(const ReadMedium& medium);
std::int64_t rows_of(const ReadMedium& medium);

/// A MediaReader brings pictures and sounds into the prompts of one model: chat prompts get their
/// rows where the template shows a picture or lets a sound be heard. Thread-safe.
class MediaReader {
 public:
  /// Borrows the tokenizer. Settings are of the encoders that the pipeline has. Throws as
  /// PictureReader and SoundReader.
  MediaReader(const std::shared_ptr<const MultimodalPipeline>& pipeline,
              std::optional<PictureSettings> picture_settings,
              const std::optional<LogMelConfig>& sound_settings, const Tokenizer& tokenizer);

  /// Null where the model doesn't see, or doesn't hear.
  const PictureReader* pictures() const { return pictures_ ? &*pictures_ : nullptr; }
  const SoundReader* sounds() const { return sounds_ ? &*sounds_ : nullptr; }
  /// What chat templates write for them.
  MediaPlaceholders placeholders() const;

  /// The places that the template's own text in `prompt` has, in order. What others wrote is text,
  /// whatever it says.
  std::vector<Medium> places(const RenderedPrompt& prompt) const;
  /// The prompt with `media` in those places, those of each kind in order. Throws InvalidArgument
  /// unless there are as many of each, and as tokenize_prompt.
  std::vector<PromptPart> parts(const RenderedPrompt& prompt,
                                std::span<const ReadMedium> media) const;

 private:
  struct Place;
  struct Run;
  struct Pieces;
  std::vector<Place> found(const RenderedPrompt& prompt) const;
  Pieces pieces(const RenderedPrompt& prompt, std::span<const ReadMedium> media) const;
  std::vector<TokenId> tokenized(std::span<const TextSegment> text, bool first) const;
  void append_marked(std::span<const std::vector<TextSegment>> texts, std::span<Run> runs,
                     bool first, std::vector<PromptPart>& out) const;

  const Tokenizer& tokenizer_;
  std::optional<PictureReader> pictures_;
  std::optional<SoundReader> sounds_;
  // The tokens that stand for a row of each, where there are such.
  std::optional<TokenId> picture_mark_;
  std::optional<TokenId> sound_mark_;
};

}  // namespace sirocco
