#include "sirocco/engine/sound_windows.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// The frames [begin, end), of which so many rows are heard.
EncoderWindow window_of(const LogMelFrames& all, std::int64_t begin, std::int64_t end,
                        std::int64_t rows) {
  const auto from = all.values.begin() + begin * all.bins;
  return {{static_cast<std::int32_t>(rows)}, {from, from + (end - begin) * all.bins}};
}

/// Each window by itself: what is loudest in it is loudest in its silence, too.
std::vector<EncoderWindow> each_window(const LogMel& log_mel, std::span<const float> samples) {
  const LogMelConfig& config = log_mel.config();
  const auto length = static_cast<std::size_t>(config.window_samples());
  std::vector<EncoderWindow> out;
  while (!samples.empty()) {
    const std::span<const float> heard = samples.first(std::min(length, samples.size()));
    samples = samples.subspan(heard.size());
    const std::int64_t frames = ceil_div(std::ssize(heard), std::int64_t{config.hop});
    const std::int64_t rows = ceil_div(frames, std::int64_t{2});
    out.push_back(
        window_of(log_mel.window(heard), 0, std::min(2 * rows + 1, config.window_frames()), rows));
  }
  return out;
}

std::vector<EncoderWindow> filled_windows(const LogMel& log_mel, std::span<const float> samples) {
  const LogMelConfig& config = log_mel.config();
  const std::int64_t length = config.window_samples();
  const std::int64_t count = ceil_div(std::ssize(samples), length);
  const LogMelFrames all = log_mel.whole(samples, count * length - std::ssize(samples));
  const std::int64_t frames = config.window_frames();
  std::vector<EncoderWindow> out;
  for (std::int64_t i = 0; i < count; ++i)
    out.push_back(window_of(all, i * frames, (i + 1) * frames, frames / 2));
  return out;
}

std::vector<EncoderWindow> ending_windows(const LogMel& log_mel, std::span<const float> samples) {
  const LogMelConfig& config = log_mel.config();
  const std::int64_t hop = config.hop;
  constexpr std::int64_t kLeastFrames = 2;
  const std::int64_t frames = std::max(kLeastFrames, ceil_div(std::ssize(samples), hop));
  const LogMelFrames all = log_mel.whole(samples, frames * hop - std::ssize(samples));
  std::vector<EncoderWindow> out;
  for (std::int64_t begin = 0; begin < frames; begin += config.window_frames()) {
    const std::int64_t end = std::min(begin + config.window_frames(), frames);
    out.push_back(window_of(all, begin, end, ceil_div(end - begin, std::int64_t{2})));
  }
  return out;
}

}  // namespace

std::vector<EncoderWindow> sound_windows(const LogMel& log_mel, WindowRule rule,
                                         std::span<const float> samples) {
  if (samples.empty()) throw InvalidArgument("the sound has no samples");
  switch (rule) {
    case WindowRule::kEach:
      return each_window(log_mel, samples);
    case WindowRule::kFilled:
      return filled_windows(log_mel, samples);
    case WindowRule::kEnding:
      break;
  }
  return ending_windows(log_mel, samples);
}

}  // namespace sirocco
