#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "sirocco/media/picture_file.hpp"
#include "sirocco/media/picture_processor.hpp"
#include "sirocco/models/picture_marks.hpp"
#include "sirocco/pipeline/multimodal_pipeline.hpp"
#include "sirocco/text/chat_template.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// A ReadPicture is a picture that is ready for a prompt. Copies share it.
struct ReadPicture {
  std::shared_ptr<const EncoderInput> input;
  PictureLayout layout;
};

/// A PictureReader brings pictures into the prompts of one model: files become tiles as its family
/// prepares them, and chat prompts get their rows where the template shows a picture. Thread-safe.
class PictureReader {
 public:
  /// Borrows the tokenizer. Throws UnsupportedError where it isn't known how the family's prompts
  /// show pictures, InvalidArgument for settings that can't be.
  PictureReader(std::shared_ptr<const MultimodalPipeline> pipeline, PictureSettings settings,
                const Tokenizer& tokenizer);

  const PictureProcessor& processor() const { return processor_; }
  /// What the family's chat templates write where a picture is shown.
  std::string_view placeholder() const {
    return marks_.shown.empty() ? marks_.placeholder : marks_.shown;
  }

  /// The picture in `file`, over white where it is transparent, as transformers has it. Throws as
  /// decode_picture and PictureProcessor::prepare.
  ReadPicture read(std::span<const std::byte> file, const PictureLimits& limits = {}) const;
  ReadPicture prepared(const Picture& picture) const;

  /// The rows that a picture has in a prompt, its family's text beside them not counted.
  static std::int64_t rows_of(const ReadPicture& picture) { return picture.input->rows(); }

  /// How often the template's own text in `prompt` shows a picture. What others wrote is text,
  /// whatever it says.
  std::size_t places(const RenderedPrompt& prompt) const;
  /// The prompt with `pictures` in those places, in order. Throws InvalidArgument unless there are
  /// as many, and as tokenize_prompt.
  std::vector<PromptPart> parts(const RenderedPrompt& prompt,
                                std::span<const ReadPicture> pictures) const;

 private:
  struct Pieces;
  Pieces pieces(const RenderedPrompt& prompt, std::span<const ReadPicture> pictures) const;
  std::vector<PromptPart> with_marked_rows(Pieces pieces, TokenId mark) const;
  std::vector<PromptPart> cut_at_rows(Pieces pieces) const;

  std::shared_ptr<const MultimodalPipeline> pipeline_;
  PictureProcessor processor_;
  const Tokenizer& tokenizer_;
  const PictureMarks& marks_;
  std::optional<TokenId> mark_;  // the token that stands for a row
};

}  // namespace sirocco
