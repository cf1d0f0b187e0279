#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/pipeline/transcript.hpp"

namespace sirocco {

/// How what was said is written.
enum class TranscriptFormat { kText, kSrt, kVtt, kJson };
/// "text", "srt", "vtt" or "json". Throws InvalidArgument for another name.
TranscriptFormat parse_transcript_format(std::string_view name);

/// A TranscriptWriter makes the text of one file out of segments, as they come.
class TranscriptWriter {
 public:
  TranscriptWriter(TranscriptFormat format, bool timestamps, std::string file)
      : format_(format), timestamps_(timestamps), file_(std::move(file)) {}

  std::string begin() const;
  /// `text` is that of the segment.
  std::string add(const TranscriptionSegment& segment, std::string_view text);
  /// `language` is the code of what was spoken, where that is known.
  std::string end(const std::optional<std::string>& language, double seconds) const;

 private:
  TranscriptFormat format_;
  bool timestamps_;
  std::string file_;
  struct Said {
    TranscriptionSegment segment;
    std::string text;
  };
  std::vector<Said> said_;  // of JSON, which is written at the end
  std::size_t count_ = 0;
};

}  // namespace sirocco
