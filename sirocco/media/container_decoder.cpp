#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/media/sound_decoder.hpp"

namespace sirocco {
namespace {

/// What sf_open found, of what is wanted.
constexpr std::array kOpened = {SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_RF64, SF_FORMAT_FLAC,
                                SF_FORMAT_OGG};

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

class ContainerDecoder final : public SoundDecoder {
 public:
  ContainerDecoder(std::span<const std::byte> file, std::string_view origin)
      : file_{file}, origin_(origin) {
    SF_VIRTUAL_IO access{MemoryFile::length, MemoryFile::seek, MemoryFile::read, MemoryFile::write,
                         MemoryFile::tell};
    // libsndfile keeps what went wrong with a file that it couldn't open for the whole process.
    static std::mutex opening;
    const std::scoped_lock lock(opening);
    opened_.reset(sf_open_virtual(&access, SFM_READ, &info_, &file_));
    if (opened_ == nullptr)
      throw FormatError("{}: can't be read as sound: {}", origin_, quoted(sf_strerror(nullptr)));
    if (std::ranges::find(kOpened, info_.format & SF_FORMAT_TYPEMASK) == kOpened.end()) {
      throw UnsupportedError(
          "{}: holds sound in a format that isn't read; convert it to WAV, FLAC, Ogg or MP3",
          origin_);
    }
  }

  SoundClaims claims() const override {
    // Where a file doesn't say how long it is, libsndfile says the longest.
    const bool known = info_.frames != SF_COUNT_MAX;
    return {info_.samplerate, info_.channels, known ? std::optional(info_.frames) : std::nullopt};
  }

  std::size_t read(std::span<float> out) override {
    const auto wanted = static_cast<sf_count_t>(out.size()) / info_.channels;
    const sf_count_t got = sf_readf_float(opened_.get(), out.data(), wanted);
    if (got > 0) return static_cast<std::size_t>(got);
    if (sf_error(opened_.get()) != SF_ERR_NO_ERROR)
      throw FormatError("{}: is damaged: {}", origin_, quoted(sf_strerror(opened_.get())));
    return 0;
  }

 private:
  MemoryFile file_;
  std::string origin_;
  SF_INFO info_{};
  OpenFile opened_;  // last: it reads the file when it is closed
};

}  // namespace

std::unique_ptr<SoundDecoder> open_container(std::span<const std::byte> file,
                                             std::string_view origin) {
  return std::make_unique<ContainerDecoder>(file, origin);
}

}  // namespace sirocco
