#include "sirocco/media/sound_file.hpp"

#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/media/resampler.hpp"

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

/// What sf_open found, of what is wanted.
constexpr std::array kOpened = {SF_FORMAT_WAV,  SF_FORMAT_WAVEX, SF_FORMAT_RF64,
                                SF_FORMAT_FLAC, SF_FORMAT_OGG,   SF_FORMAT_MPEG};

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

/// A file in memory, as libsndfile reads it.
struct MemoryFile {
  std::span<const std::byte> bytes;
  sf_count_t position = 0;

  sf_count_t size() const { return static_cast<sf_count_t>(bytes.size()); }

  static MemoryFile& of(void* self) { return *static_cast<MemoryFile*>(self); }
  static sf_count_t length(void* self) { return of(self).size(); }
  static sf_count_t tell(void* self) { return of(self).position; }
  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    MemoryFile& file = of(self);
    const sf_count_t base = whence == SF_SEEK_CUR   ? file.position
                            : whence == SF_SEEK_END ? file.size()
                                                    : 0;
    sf_count_t target = 0;
    if (__builtin_add_overflow(base, offset, &target) || target < 0) return -1;
    return file.position = target;
  }
  static sf_count_t read(void* out, sf_count_t count, void* self) {
    MemoryFile& file = of(self);
    const sf_count_t rest = std::max<sf_count_t>(file.size() - file.position, 0);
    const sf_count_t taken = std::clamp<sf_count_t>(count, 0, rest);
    if (taken > 0)
      std::memcpy(out, file.bytes.data() + file.position, static_cast<std::size_t>(taken));
    file.position += taken;
    return taken;
  }
  static sf_count_t write(const void* /*data*/, sf_count_t /*count*/, void* /*self*/) { return 0; }
};

struct CloseFile {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using OpenFile = std::unique_ptr<SNDFILE, CloseFile>;

OpenFile open_file(MemoryFile& file, SF_INFO& info, std::string_view origin) {
  SF_VIRTUAL_IO access{MemoryFile::length, MemoryFile::seek, MemoryFile::read, MemoryFile::write,
                       MemoryFile::tell};
  // libsndfile keeps what went wrong with a file that it couldn't open for the whole process.
  static std::mutex opening;
  const std::scoped_lock lock(opening);
  OpenFile opened(sf_open_virtual(&access, SFM_READ, &info, &file));
  if (opened == nullptr)
    throw FormatError("{}: can't be read as sound: {}", origin, quoted(sf_strerror(nullptr)));
  if (std::ranges::find(kOpened, info.format & SF_FORMAT_TYPEMASK) == kOpened.end())
    throw UnsupportedError(
        "{}: holds sound in a format that isn't read; convert it to WAV, FLAC, "
        "Ogg or MP3",
        origin);
  return opened;
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

void check_limits(const SF_INFO& info, std::string_view origin, const SoundLimits& limits) {
  if (info.channels < 1 || info.channels > limits.max_channels) {
    throw ResourceExhausted("{}: has {} channels; 1 to {} are allowed", origin, info.channels,
                            limits.max_channels);
  }
  if (info.samplerate < limits.min_rate || info.samplerate > limits.max_rate) {
    throw ResourceExhausted("{}: has {} samples a second; {} to {} are allowed", origin,
                            info.samplerate, limits.min_rate, limits.max_rate);
  }
  const double seconds = static_cast<double>(info.frames) / info.samplerate;
  // Where a file doesn't say how long it is, libsndfile says the longest.
  if (info.frames != SF_COUNT_MAX && seconds > limits.max_seconds)
    throw ResourceExhausted("{}: claims to be {:.1f} s long; {:g} s are allowed: cut it into parts",
                            origin, seconds, limits.max_seconds);
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
  MemoryFile source{file};
  SF_INFO info{};
  const OpenFile opened = open_file(source, info, origin);
  check_limits(info, origin, limits);

  const auto channels = static_cast<std::size_t>(info.channels);
  std::vector<float> piece(std::max<std::size_t>(kPiece / channels, 1) * channels);
  std::vector<float> mono;
  Sound out{rate, {}};
  Resampler resampler(info.samplerate, rate);
  double frames = 0;
  while (true) {
    const sf_count_t got = sf_readf_float(opened.get(), piece.data(),
                                          static_cast<sf_count_t>(piece.size() / channels));
    if (got <= 0) break;
    const std::span<const float> read(piece.data(), static_cast<std::size_t>(got) * channels);
    frames += static_cast<double>(got);
    if (frames / info.samplerate > limits.max_seconds)
      throw ResourceExhausted("{}: is longer than the {:g} s that are allowed; cut it into parts",
                              origin, limits.max_seconds);
    mono.resize(static_cast<std::size_t>(got));
    mean_of_channels(read, channels, mono);
    resampler.add(mono, out.samples);
  }
  if (sf_error(opened.get()) != SF_ERR_NO_ERROR) {
    throw FormatError("{}: is damaged behind {:.1f} s: {}", origin, frames / info.samplerate,
                      quoted(sf_strerror(opened.get())));
  }
  resampler.finish(out.samples);
  if (!std::ranges::all_of(out.samples, [](float x) { return std::isfinite(x); }))
    throw FormatError("{}: holds samples that are no finite numbers", origin);
  return out;
}

}  // namespace sirocco
