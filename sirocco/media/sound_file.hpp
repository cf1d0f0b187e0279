#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "sirocco/media/sound.hpp"

namespace sirocco {

/// The sound of a file that is in memory whole, told by its content: WAV (RF64 too), FLAC, Ogg with
/// Vorbis, Opus or FLAC, and MPEG audio (MP3). Channels are averaged, and the mean is resampled to
/// `rate` samples a second: what `load_audio` of `transformers` 5.24 makes of the file with its
/// backend "soundfile".
///
/// It is decoded in pieces, so that besides the result a few hundred kilobytes are needed, and ends
/// where a limit is passed, whatever the file claims of itself. `origin` names the file in
/// messages.
///
/// Throws FormatError for what is no sound, is damaged or holds samples that are no numbers,
/// UnsupportedError for other formats, ResourceExhausted for sound beyond the limits.
/// Safe to call from several threads.
Sound decode_sound(std::span<const std::byte> file, int rate, std::string_view origin,
                   const SoundLimits& limits = {});

}  // namespace sirocco
