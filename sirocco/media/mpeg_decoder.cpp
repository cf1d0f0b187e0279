#include <mpg123.h>
#include <sys/types.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/media/sound_decoder.hpp"

namespace sirocco {
namespace {

/// A file in memory, as libmpg123 reads it.
struct MemoryFile {
  std::span<const std::byte> bytes;
  std::size_t position = 0;

  static ssize_t read(void* self, void* out, std::size_t count) {
    MemoryFile& file = *static_cast<MemoryFile*>(self);
    const std::size_t taken = std::min(count, file.bytes.size() - file.position);
    if (taken > 0) std::memcpy(out, file.bytes.data() + file.position, taken);
    file.position += taken;
    return static_cast<ssize_t>(taken);
  }
  static off_t seek(void* self, off_t offset, int whence) {
    MemoryFile& file = *static_cast<MemoryFile*>(self);
    const auto size = static_cast<off_t>(file.bytes.size());
    const off_t base = whence == SEEK_CUR   ? static_cast<off_t>(file.position)
                       : whence == SEEK_END ? size
                                            : 0;
    off_t target = 0;
    if (__builtin_add_overflow(base, offset, &target) || target < 0 || target > size) return -1;
    file.position = static_cast<std::size_t>(target);
    return target;
  }
};

struct DeleteHandle {
  void operator()(mpg123_handle* handle) const { mpg123_delete(handle); }
};

class MpegDecoder final : public SoundDecoder {
 public:
  MpegDecoder(std::span<const std::byte> file, std::string_view origin)
      : file_{file}, origin_(origin), handle_(mpg123_new(nullptr, nullptr)) {
    mpg123_handle* const h = handle_.get();
    if (h == nullptr) throw ResourceExhausted("{}: no memory to decode MPEG audio", origin);
    // A stream whose rate or channels change is cut off there, rather than resampled.
    const bool ready =
        mpg123_param(h, MPG123_REMOVE_FLAGS, MPG123_AUTO_RESAMPLE, 0.0) == MPG123_OK &&
        mpg123_param(h, MPG123_ADD_FLAGS,
                     MPG123_FORCE_FLOAT | MPG123_QUIET | MPG123_NO_FRANKENSTEIN,
                     0.0) == MPG123_OK &&
        mpg123_replace_reader_handle(h, MemoryFile::read, MemoryFile::seek, nullptr) == MPG123_OK &&
        mpg123_open_handle(h, &file_) == MPG123_OK;
    long rate = 0;
    int encoding = 0;
    if (!ready || mpg123_getformat(h, &rate, &claims_.channels, &encoding) != MPG123_OK ||
        encoding != MPG123_ENC_FLOAT_32) {
      throw FormatError("{}: can't be read as MPEG audio: {}", origin_, quoted(mpg123_strerror(h)));
    }
    claims_.rate = static_cast<int>(rate);
    mpg123_format_none(h);
    mpg123_format(h, rate, claims_.channels, encoding);
    const off_t length = mpg123_length(h);
    if (length >= 0) claims_.frames = length;
  }

  SoundClaims claims() const override { return claims_; }

  std::size_t read(std::span<float> out) override {
    mpg123_handle* const h = handle_.get();
    const auto channels = static_cast<std::size_t>(claims_.channels);
    std::size_t bytes = 0;
    const int result =
        mpg123_read(h, reinterpret_cast<unsigned char*>(out.data()), out.size_bytes(), &bytes);
    const std::size_t frames = bytes / (sizeof(float) * channels);
    if (frames > 0 || result == MPG123_DONE || result == MPG123_NEW_FORMAT) return frames;
    if (result == MPG123_OK) return 0;
    throw FormatError("{}: is damaged: {}", origin_, quoted(mpg123_strerror(h)));
  }

 private:
  MemoryFile file_;
  std::string origin_;
  std::unique_ptr<mpg123_handle, DeleteHandle> handle_;
  SoundClaims claims_;
};

}  // namespace

std::unique_ptr<SoundDecoder> open_mpeg(std::span<const std::byte> file, std::string_view origin) {
  return std::make_unique<MpegDecoder>(file, origin);
}

}  // namespace sirocco
