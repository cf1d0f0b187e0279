#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace sirocco {

/// SoundClaims are what a file says of its sound before any of it is decoded.
struct SoundClaims {
  int rate = 0;  ///< samples a second
  int channels = 0;
  std::optional<std::int64_t> frames = std::nullopt;  ///< samples of each channel, where it says so
};

/// A SoundDecoder gives the samples of a file in memory, which outlives it, piece by piece.
class SoundDecoder {
 public:
  virtual ~SoundDecoder() = default;
  virtual SoundClaims claims() const = 0;
  /// Writes the next samples to `out`, channel after channel, as many as fit; returns how many of
  /// each channel they are, 0 behind the last one. Throws FormatError for a damaged file.
  virtual std::size_t read(std::span<float> out) = 0;
};

/// What libsndfile reads: WAV, FLAC, Ogg. Throws FormatError, UnsupportedError for other formats
/// that it knows.
std::unique_ptr<SoundDecoder> open_container(std::span<const std::byte> file,
                                             std::string_view origin);

/// MPEG audio, by libmpg123 itself: in libsndfile's hands it writes what it thinks of damaged files
/// to standard error. Throws FormatError.
std::unique_ptr<SoundDecoder> open_mpeg(std::span<const std::byte> file, std::string_view origin);

}  // namespace sirocco
