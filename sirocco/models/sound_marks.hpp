#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sirocco/models/prompt_mark.hpp"

namespace sirocco {

/// A WindowRule is how a family cuts sound into the windows that its encoder reads.
enum class WindowRule : std::uint8_t {
  kEach,    ///< each window by itself, and only what is heard of it (Qwen2-Audio)
  kFilled,  ///< the sound with silence up to the end of a window, as one (Voxtral)
  kEnding,  ///< the sound as one, whose last window ends with it (Ultravox)
};

/// SoundMarks are how the prompts of a family let sound be heard: a row of a table by the names of
/// projectors.
struct SoundMarks {
  std::string_view projector;
  std::string_view placeholder;  ///< what chat templates write for a sound
  std::string_view token;        ///< that stands for a row of a sound; empty: there is none
  /// What stands in a text for a template that takes texts: the placeholder, and what it needs.
  std::string_view written;
  std::string_view before;  ///< text of the family's own before the rows
  WindowRule windows;
  /// Whether folders say how sound is prepared; else it is as for Whisper's model of that size.
  bool says_settings = true;
};

/// What a sound of so many rows is made of in a prompt.
std::vector<PromptMark> marks_of_sound(const SoundMarks& marks, std::int64_t rows);

/// The function gives the marks of a projector's family. Throws UnsupportedError for one that isn't
/// known.
const SoundMarks& sound_marks(std::string_view projector);

}  // namespace sirocco
