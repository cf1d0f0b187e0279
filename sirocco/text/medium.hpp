#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sirocco {

/// A Medium is what a message may show besides text.
enum class Medium : std::uint8_t { kPicture, kSound };

/// A MediaPlaceholder is what stands for a picture or a sound in a rendered prompt.
struct MediaPlaceholder {
  std::string found;    ///< what the family's own templates write, and where the rows go
  std::string written;  ///< what a text has for a template that takes texts: with `found` in it
};
/// Of those that a model takes.
struct MediaPlaceholders {
  std::optional<MediaPlaceholder> picture = {};
  std::optional<MediaPlaceholder> sound = {};
};

}  // namespace sirocco
