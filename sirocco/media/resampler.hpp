#pragma once

#include <memory>
#include <span>
#include <vector>

namespace sirocco {

/// A Resampler turns one channel of sound at one rate into the same sound at another, piece by
/// piece; how it was cut doesn't matter. The samples are those of
/// `soxr.resample(x, from, to, quality="HQ")`, bit by bit, with as many as `transformers` and
/// librosa make of them: n · to / from, rounded up. At equal rates sound passes through unchanged.
///
/// soxr (https://sourceforge.net/projects/soxr) has code of its own for some processors, so bits
/// may differ between machines; on one machine they are always the same.
class Resampler {
 public:
  /// Rates are samples a second, at least 1. Throws UnsupportedError where soxr refuses them.
  Resampler(int from, int to);
  ~Resampler();
  Resampler(const Resampler&) = delete;
  Resampler& operator=(const Resampler&) = delete;

  /// Takes the next samples and appends what is ready to `out`.
  void add(std::span<const float> samples, std::vector<float>& out);
  /// Appends the rest. Once, and the last call.
  void finish(std::vector<float>& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sirocco
