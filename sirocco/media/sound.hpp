#pragma once

#include <cstdint>
#include <vector>

namespace sirocco {

/// A Sound is one channel of sound: samples in the order of time, each a finite number; ±1 is full
/// scale, which a file in floats may exceed.
struct Sound {
  int rate = 0;  ///< samples a second
  std::vector<float> samples;

  double seconds() const {
    return rate > 0 ? static_cast<double>(samples.size()) / static_cast<double>(rate) : 0.0;
  }
};

/// SoundLimits bound what a file of sound may be. All bounds are inclusive. An hour at 16 kHz takes
/// 220 MiB of memory.
struct SoundLimits {
  std::uint64_t max_bytes = std::uint64_t{1} << 30;  ///< of the file
  double max_seconds = 4 * 3600;
  int max_channels = 32;
  int min_rate = 1000;  ///< samples a second of the file
  int max_rate = 384000;
};

}  // namespace sirocco
