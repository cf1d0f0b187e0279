#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sirocco/pipeline/transcript.hpp"

namespace sirocco {

/// A time of so many seconds with its milliseconds: "01:02:03.456"; without hours where there are
/// none and `hours` is false.
std::string time_text(double seconds, char before_milliseconds, bool hours);

/// `text` without the blanks around it.
std::string_view without_blanks(std::string_view text);

/// SubtitleFormat is how subtitles are written: SubRip, or WebVTT as the W3C specifies it.
enum class SubtitleFormat : std::uint8_t { kSrt, kVtt };

/// What stands before all subtitles.
std::string_view subtitles_head(SubtitleFormat format);
/// The subtitle with that number, from 1 on, for a segment whose text is `text`.
std::string subtitle(SubtitleFormat format, std::size_t number, const TranscriptionSegment& segment,
                     std::string_view text);

}  // namespace sirocco
