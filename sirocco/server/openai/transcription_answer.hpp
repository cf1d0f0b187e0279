#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/utf8.hpp"
#include "sirocco/pipeline/transcript.hpp"
#include "sirocco/server/openai/transcription_request.hpp"

namespace sirocco::openai {

/// A SaidSegment is a segment with the bytes of its text, which may begin or end within a
/// character.
struct SaidSegment {
  TranscriptionSegment segment;
  std::string text;
};

/// A Transcription is what a sound was written down as.
struct Transcription {
  bool translated = false;
  std::optional<std::string> language;  ///< the code of what was spoken, where that is known
  double seconds = 0.0;                 ///< of the sound
  std::vector<SaidSegment> segments;
};

/// A TranscriptAssembler makes one text of segments as they come: whole characters, without blanks
/// at its begin and end.
class TranscriptAssembler {
 public:
  /// What `bytes` adds.
  std::string push(std::string_view bytes);
  /// The end; what it adds.
  std::string finish();
  /// All so far.
  const std::string& text() const { return text_; }

 private:
  std::string told(std::string more);

  Utf8Assembler characters_;
  std::string text_;
  std::string held_;  // blanks that may be the last
};

/// The text of an answer and its type.
struct TranscriptionBody {
  std::string text;
  std::string_view content_type;
};
/// A whole answer in that format.
TranscriptionBody transcription_body(const Transcription& said, TranscriptFormat format);

/// The events of a stream: a piece of the text, and its end with all of it.
std::string transcript_delta(std::string_view delta);
std::string transcript_done(std::string_view text);
inline constexpr std::string_view kTranscriptDelta = "transcript.text.delta";
inline constexpr std::string_view kTranscriptDone = "transcript.text.done";

/// The English name of the language with such a code, in small letters, as OpenAI's API tells it;
/// the code itself where it isn't known.
std::string_view language_name(std::string_view code);

}  // namespace sirocco::openai
