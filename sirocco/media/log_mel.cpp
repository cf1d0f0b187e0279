#include "sirocco/media/log_mel.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <kissfft/kissfft.hh>
#include <numbers>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using Fourier = kissfft<double>;

constexpr int kMaxFactor = 13;
constexpr std::int64_t kMaxValues = std::int64_t{1} << 26;  // of a window
constexpr double kMaxFrequency = 8000.0;
constexpr double kSmallestPower = 1e-10;
constexpr float kDynamicRange = 8.0f;  // in powers of ten

// Slaney's mel scale: even below 1 kHz, logarithmic above. (Auditory Toolbox, 1998)
constexpr double kHertzPerMel = 200.0 / 3.0;
constexpr double kFirstLogHertz = 1000.0;
constexpr double kFirstLogMel = kFirstLogHertz / kHertzPerMel;
const double kLogStep = std::log(6.4) / 27.0;

double mel_of(double hertz) {
  if (hertz < kFirstLogHertz) return hertz / kHertzPerMel;
  return kFirstLogMel + std::log(hertz / kFirstLogHertz) / kLogStep;
}

double hertz_of(double mel) {
  if (mel < kFirstLogMel) return mel * kHertzPerMel;
  return kFirstLogHertz * std::exp(kLogStep * (mel - kFirstLogMel));
}

/// One band: the weights of frequencies from `first` on.
struct Band {
  std::size_t first = 0;
  std::vector<float> weights;
};

/// Triangles between every second of bins + 2 places that are even in mel, each of the same area.
std::vector<Band> mel_bands(const LogMelConfig& config) {
  const int frequencies = config.frame / 2 + 1;
  const double step = mel_of(kMaxFrequency) / (config.bins + 1);
  const int highest = config.rate / 2;  // in whole hertz, as the reference has it
  const double hertz_step = static_cast<double>(highest) / (frequencies - 1);
  std::vector<Band> bands(static_cast<std::size_t>(config.bins));
  for (int b = 0; b < config.bins; ++b) {
    const double low = hertz_of(step * b);
    const double middle = hertz_of(step * (b + 1));
    const double high = hertz_of(step * (b + 2));
    Band& band = bands[static_cast<std::size_t>(b)];
    for (int f = 0; f < frequencies; ++f) {
      const double hertz = hertz_step * f;
      const double height =
          std::min((hertz - low) / (middle - low), (high - hertz) / (high - middle));
      if (height <= 0.0) continue;
      if (band.weights.empty()) band.first = static_cast<std::size_t>(f);
      band.weights.push_back(static_cast<float>(height * 2.0 / (high - low)));
    }
  }
  return bands;
}

/// The periodic Hann window, in the steps of single precision in which torch makes it: what it
/// leaks is more than what is left in quiet bands beside loud ones.
std::vector<double> hann_window(int size) {
  const auto step = static_cast<float>(2.0 * std::numbers::pi / size);
  std::vector<double> out(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) {
    const float angle = static_cast<float>(i) * step;
    const auto cosine = static_cast<float>(std::cos(static_cast<double>(angle)));
    out[static_cast<std::size_t>(i)] = cosine * -0.5f + 0.5f;
  }
  return out;
}

/// What a transform of `size` takes grows with its largest prime factor, which has to be small.
bool splits_well(int size) {
  for (int factor = 2; factor <= kMaxFactor; ++factor) {
    while (size % factor == 0) size /= factor;
  }
  return size == 1;
}

void check_between(std::string_view what, std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value < min || value > max)
    throw InvalidArgument("a spectrogram with {} of {}; {} to {} are possible", what, value, min,
                          max);
}

const LogMelConfig& checked(const LogMelConfig& config) {
  check_between("a rate", config.rate, 1000, 384000);
  check_between("bands", config.bins, 1, 1024);
  check_between("frames", config.frame, 4, 16384);
  check_between("a hop", config.hop, 1, config.frame);
  check_between("a window of seconds", config.window_seconds, 1, 3600);
  if (config.window_frames() * config.bins > kMaxValues) {
    throw InvalidArgument("a spectrogram of {} frames of {} bands; {} values are possible",
                          config.window_frames(), config.bins, kMaxValues);
  }
  if (!splits_well(config.frame)) {
    throw InvalidArgument(
        "a spectrogram with frames of {}; what has a prime factor above {} takes too long",
        config.frame, kMaxFactor);
  }
  if (!std::isfinite(config.padding_value))
    throw InvalidArgument("a spectrogram of sound that is filled up with no finite number");
  return config;
}

/// A sound that is mirrored at both ends, by place; behind its samples stand silent ones.
struct MirroredSound {
  std::span<const float> samples;
  std::int64_t length;
  float silence;

  double at(std::int64_t i) const {
    if (i < 0) i = -i;
    if (i >= length) i = 2 * (length - 1) - i;
    return i < std::ssize(samples) ? samples[static_cast<std::size_t>(i)] : silence;
  }
};

}  // namespace

struct LogMel::Tables {
  std::vector<double> window;
  std::vector<Band> bands;
  Fourier fourier;
};

LogMel::LogMel(const LogMelConfig& config)
    : config_(checked(config)),
      tables_(new Tables{hann_window(config.frame), mel_bands(config),
                         Fourier(static_cast<std::size_t>(config.frame), false)}) {}
LogMel::~LogMel() = default;
LogMel::LogMel(LogMel&&) noexcept = default;
LogMel& LogMel::operator=(LogMel&&) noexcept = default;

LogMelFrames LogMel::window(std::span<const float> samples) const {
  const std::int64_t wanted = config_.window_samples();
  samples = samples.first(std::min(samples.size(), static_cast<std::size_t>(wanted)));
  return whole(samples, wanted - std::ssize(samples));
}

LogMelFrames LogMel::whole(std::span<const float> samples, std::int64_t padding) const {
  SIROCCO_CHECK(padding >= 0);
  const MirroredSound sound{samples, std::ssize(samples) + padding, config_.padding_value};
  const auto size = static_cast<std::size_t>(config_.frame);
  const std::int64_t half = config_.frame / 2;
  if (sound.length <= half) {
    throw InvalidArgument("a spectrogram of {} samples; it takes {} at least", sound.length,
                          half + 1);
  }
  // The last frame, whose middle is the end or beyond the last whole hop, is left out.
  LogMelFrames out{(sound.length + 2 * half - config_.frame) / config_.hop, config_.bins, {}};
  out.values.reserve(static_cast<std::size_t>(out.frames * out.bins));

  const Fourier fourier = tables_->fourier;  // it has scratch memory of its own
  // Two frames in one transform, as its real and its imaginary part.
  std::vector<std::complex<double>> both(size);
  std::vector<std::complex<double>> spectrum(size);
  std::vector<double> power(size / 2 + 1);
  const auto place = [&](std::int64_t frame, std::size_t i) {
    return frame < out.frames
               ? sound.at(frame * config_.hop - half + static_cast<std::int64_t>(i)) *
                     tables_->window[i]
               : 0.0;
  };
  const auto append = [&]() {
    for (const Band& band : tables_->bands) {
      double sum = 0.0;
      for (std::size_t i = 0; i < band.weights.size(); ++i)
        sum += static_cast<double>(band.weights[i]) * power[band.first + i];
      out.values.push_back(static_cast<float>(std::log10(std::max(sum, kSmallestPower))));
    }
  };
  for (std::int64_t frame = 0; frame < out.frames; frame += 2) {
    for (std::size_t i = 0; i < size; ++i) both[i] = {place(frame, i), place(frame + 1, i)};
    fourier.transform(both.data(), spectrum.data());
    for (const bool second : {false, true}) {
      if (second && frame + 1 == out.frames) break;
      for (std::size_t i = 0; i < power.size(); ++i) {
        const std::complex<double> mirrored = std::conj(spectrum[(size - i) % size]);
        power[i] = std::norm(second ? spectrum[i] - mirrored : spectrum[i] + mirrored) / 4.0;
      }
      append();
    }
  }

  if (out.values.empty()) return out;
  const float floor = *std::ranges::max_element(out.values) - kDynamicRange;
  for (float& value : out.values) value = (std::max(value, floor) + 4.0f) / 4.0f;
  return out;
}

}  // namespace sirocco
