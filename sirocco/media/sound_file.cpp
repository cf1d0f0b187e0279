#include "sirocco/media/sound_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/media/resampler.hpp"
#include "sirocco/media/sound_decoder.hpp"

namespace sirocco {
namespace {

/// What is read of a file at a time, in samples of all channels.
constexpr std::size_t kPiece = 16384;

/// How a format begins: `magic` at `at`, then, where there is one, `kind` at `kind_at`.
struct Signature {
  std::string_view magic;
  std::size_t at = 0;
  std::string_view kind = {};
  std::size_t kind_at = 0;
};

struct ForeignFormat {
  Signature signature;
  std::string_view name;
};

constexpr std::array kReadable = {
    Signature{"RIFF", 0, "WAVE", 8},
    Signature{"RIFX", 0, "WAVE", 8},
    Signature{"RF64", 0, "WAVE", 8},
    Signature{"fLaC"},
    Signature{"OggS"},
    Signature{"ID3"},
};

constexpr std::array kForeign = {
    ForeignFormat{{"ftyp", 4}, "MP4 (M4A, AAC)"},
    ForeignFormat{{"\x1a\x45\xdf\xa3"}, "Matroska or WebM"},
    ForeignFormat{{"FORM", 0, "AIF", 8}, "AIFF"},
    ForeignFormat{{"caff"}, "CAF"},
    ForeignFormat{{".snd"}, "AU"},
    ForeignFormat{{"#!AMR"}, "AMR"},
    ForeignFormat{{"\x30\x26\xb2\x75\x8e\x66\xcf\x11"}, "WMA"},
    ForeignFormat{{"riff"}, "Wave64"},
    ForeignFormat{{"wvpk"}, "WavPack"},
};

std::string_view text_of(std::span<const std::byte> file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

bool begins(std::string_view file, const Signature& signature) {
  const auto holds = [&](std::string_view text, std::size_t at) {
    return file.size() >= at && file.substr(at).starts_with(text);
  };
  return holds(signature.magic, signature.at) && holds(signature.kind, signature.kind_at);
}

/// Whether a frame of MPEG audio begins here: eleven bits, then version and layer, which AAC's
/// frames leave 0.
bool begins_mpeg(std::string_view file) {
  if (file.size() < 2) return false;
  const auto first = static_cast<unsigned char>(file[0]);
  const auto second = static_cast<unsigned char>(file[1]);
  return first == 0xFF && (second & 0xE0) == 0xE0 && (second & 0x06) != 0;
}

/// Whether it is MPEG audio, behind the tag that may stand before any format (ID3, version 2: the
/// tag's size in four times seven bits).
bool holds_mpeg(std::string_view file) {
  constexpr std::size_t kTagHead = 10;
  if (!file.starts_with("ID3") || file.size() < kTagHead) return begins_mpeg(file);
  std::size_t size = 0;
  for (std::size_t i = 6; i < kTagHead; ++i)
    size = size << 7 | (static_cast<unsigned char>(file[i]) & 0x7F);
  const std::size_t behind = kTagHead + size;
  return behind >= file.size() || !file.substr(behind).starts_with("fLaC");
}

void check_format(std::string_view file, std::string_view origin) {
  const auto here = [&](const Signature& signature) { return begins(file, signature); };
  if (std::ranges::any_of(kReadable, here) || begins_mpeg(file)) return;
  const auto* const known = std::ranges::find_if(kForeign, here, &ForeignFormat::signature);
  const bool aac = file.size() >= 2 && file[0] == '\xff' && (file[1] & 0xF0) == 0xF0;
  if (known != kForeign.end() || aac) {
    throw UnsupportedError("{}: is {}, which isn't read; convert it to WAV, FLAC, Ogg or MP3",
                           origin, aac ? "AAC" : known->name);
  }
  throw FormatError("{}: is no sound in WAV, FLAC, Ogg or MP3: it begins with {}", origin,
                    quoted(file.substr(0, 8)));
}

/// In numpy's order, so that the bits are those of its `mean`: eight sums side by side, joined as a
/// tree, and halves of more than 128.
float sum(std::span<const float> values) {
  constexpr std::size_t kSums = 8;
  constexpr std::size_t kWhole = 128;
  const std::size_t count = values.size();
  if (count > kWhole) {
    const std::size_t half = count / 2 / kSums * kSums;
    return sum(values.first(half)) + sum(values.subspan(half));
  }
  float total = 0.0f;
  std::size_t i = 0;
  if (count >= kSums) {
    std::array<float, kSums> r{};
    for (; i + kSums <= count; i += kSums) {
      for (std::size_t j = 0; j < kSums; ++j) r[j] += values[i + j];
    }
    total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
  }
  for (; i < count; ++i) total += values[i];
  return total;
}

/// `samples` [n, channels] to `mono` [n].
void mean_of_channels(std::span<const float> samples, std::size_t channels, std::span<float> mono) {
  for (std::size_t i = 0; i < mono.size(); ++i)
    mono[i] = sum(samples.subspan(i * channels, channels)) / static_cast<float>(channels);
}

void check_limits(const SoundClaims& info, std::string_view origin, const SoundLimits& limits) {
  if (info.channels < 1 || info.channels > limits.max_channels) {
    throw ResourceExhausted("{}: has {} channels; 1 to {} are allowed", origin, info.channels,
                            limits.max_channels);
  }
  if (info.rate < limits.min_rate || info.rate > limits.max_rate) {
    throw ResourceExhausted("{}: has {} samples a second; {} to {} are allowed", origin, info.rate,
                            limits.min_rate, limits.max_rate);
  }
  if (!info.frames) return;
  const double seconds = static_cast<double>(*info.frames) / info.rate;
  if (seconds > limits.max_seconds) {
    throw ResourceExhausted("{}: claims to be {:.1f} s long; {:g} s are allowed: cut it into parts",
                            origin, seconds, limits.max_seconds);
  }
}

}  // namespace

Sound decode_sound(std::span<const std::byte> file, int rate, std::string_view origin,
                   const SoundLimits& limits) {
  if (rate < limits.min_rate || rate > limits.max_rate) {
    throw InvalidArgument("sound can't be resampled to {} samples a second; {} to {} are allowed",
                          rate, limits.min_rate, limits.max_rate);
  }
  if (file.size() > limits.max_bytes) {
    throw ResourceExhausted("{}: has {} bytes of sound; {} are allowed", origin, file.size(),
                            limits.max_bytes);
  }
  check_format(text_of(file), origin);
  const auto decoder =
      holds_mpeg(text_of(file)) ? open_mpeg(file, origin) : open_container(file, origin);
  const SoundClaims info = decoder->claims();
  check_limits(info, origin, limits);

  const auto channels = static_cast<std::size_t>(info.channels);
  std::vector<float> piece(std::max<std::size_t>(kPiece / channels, 1) * channels);
  std::vector<float> mono;
  Sound out{rate, {}};
  Resampler resampler(info.rate, rate);
  double frames = 0;
  while (true) {
    const std::size_t got = decoder->read(piece);
    if (got == 0) break;
    const std::span<const float> read(piece.data(), got * channels);
    frames += static_cast<double>(got);
    if (frames / info.rate > limits.max_seconds)
      throw ResourceExhausted("{}: is longer than the {:g} s that are allowed; cut it into parts",
                              origin, limits.max_seconds);
    mono.resize(got);
    mean_of_channels(read, channels, mono);
    resampler.add(mono, out.samples);
  }
  resampler.finish(out.samples);
  if (!std::ranges::all_of(out.samples, [](float x) { return std::isfinite(x); }))
    throw FormatError("{}: holds samples that are no finite numbers", origin);
  return out;
}

}  // namespace sirocco
