#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/models/prompt_mark.hpp"
#include "sirocco/pipeline/encoder_input.hpp"
#include "sirocco/pipeline/text_work.hpp"

namespace sirocco {

/// EncodedRows are rows of a prompt that a picture or a sound gives, together: all of them or a
/// part, as its family wants it.
struct EncodedRows {
  /// The encoder's row for the end of a row of tiles.
  static constexpr std::int32_t kNewline = kNewlineRow;

  std::shared_ptr<const EncoderInput> input;
  std::vector<std::int32_t> rows;  ///< of those that become of it, or kNewline; at least one
  bool mutual = false;             ///< whether they see each other
  /// Where rotary encodings put them, row by row: in a plane at the time of the first, from the
  /// same number on in both directions. Nothing: one behind another, as text.
  std::optional<PatchGrid> plane = std::nullopt;
};

/// What a prompt of several kinds consists of.
using PromptPart = std::variant<std::vector<TokenId>, EncodedRows>;

/// What a program asks of a model that sees or hears: what follows a prompt of text, pictures and
/// sounds.
struct MultimodalJob {
  std::vector<PromptPart> prompt;
  TextJob text;  ///< all else; its own prompt is none
};

/// A job that a pipeline of certain limits can run. Move-only.
class CheckedMultimodalJob {
 public:
  /// Throws as CheckedTextJob, and InvalidArgument for rows that an input doesn't give, or that
  /// aren't as wide as the language model's.
  CheckedMultimodalJob(const PipelineLimits& limits, MultimodalJob job);
  CheckedMultimodalJob(CheckedMultimodalJob&&) noexcept = default;
  CheckedMultimodalJob& operator=(CheckedMultimodalJob&&) noexcept = default;

  TextTerms terms() const { return text_.terms(); }
  Usage usage() const { return text_.usage(); }

 private:
  friend class MultimodalPipeline;
  friend class MultimodalWork;
  /// Rows of the prompt that wait for their encoder.
  struct Promised {
    std::int64_t end;  // the position behind them
    EncodedRows from;
    std::shared_ptr<EmbeddedRows> rows;
  };
  /// Parts as one prompt, whose rows of pictures are promised.
  static Prompt arranged(const PipelineLimits& limits, std::vector<PromptPart> parts,
                         std::vector<Promised>& promised);
  /// Puts in rows out of all that the picture gives.
  static void keep(const Promised& promised, std::span<const float> all);
  static CheckedTextJob checked(const PipelineLimits& limits, MultimodalJob& job,
                                std::vector<Promised>& promised);

  std::vector<Promised> promised_;
  CheckedTextJob text_;
};

}  // namespace sirocco
