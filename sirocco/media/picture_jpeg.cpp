#include <csetjmp>
#include <cstdio>
// jpeglib.h needs size_t and FILE first.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/media/exif_orientation.hpp"
#include "sirocco/media/picture_decoders.hpp"

/// JPEG by libjpeg-turbo, with the settings of Pillow's: accurate integer transform, smooth
/// upsampling of colors.
namespace sirocco::decoders {
namespace {

constexpr int kApp1 = JPEG_APP0 + 1;
/// Encoders write about ten scans. Each is a walk over the whole picture, whatever it holds: a
/// large one may have fewer.
constexpr std::int64_t kMaxScans = 100;
constexpr std::int64_t kLeastMaxScans = 20;
constexpr std::int64_t kMaxScannedPixels = std::int64_t{1} << 31;
std::int64_t max_scans(const jpeg_decompress_struct& info) {
  const std::int64_t pixels = std::int64_t{info.image_width} * info.image_height;
  return std::clamp(kMaxScannedPixels / std::max<std::int64_t>(pixels, 1), kLeastMaxScans,
                    kMaxScans);
}

/// What libjpeg calls back to. C code is left by longjmp, so nothing on its way may have a
/// destructor.
struct Failure {
  jpeg_error_mgr manager{};
  std::jmp_buf back{};
  char message[JMSG_LENGTH_MAX] = {};
  bool too_many_scans = false;
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* const failure = reinterpret_cast<Failure*>(info->err);
  (*info->err->format_message)(info, failure->message);
  std::longjmp(failure->back, 1);
}
void count_warning(j_common_ptr info, int level) {
  if (level < 0) ++info->err->num_warnings;
}
void print_nothing(j_common_ptr) {}

void start_of_source(j_decompress_ptr) {}
boolean end_of_source(j_decompress_ptr info) {
  ERREXIT(info, JERR_INPUT_EOF);
  return FALSE;
}
void skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<unsigned long>(count) > info->src->bytes_in_buffer) end_of_source(info);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void count_scans(j_common_ptr info) {
  const auto* const decompress = reinterpret_cast<j_decompress_ptr>(info);
  if (decompress->input_scan_number <= max_scans(*decompress)) return;
  auto* const failure = reinterpret_cast<Failure*>(info->err);
  failure->too_many_scans = true;
  std::longjmp(failure->back, 1);
}

/// Gives the memory of libjpeg back, also when a constructor fails.
struct Decompressor {
  Decompressor() = default;
  ~Decompressor() { jpeg_destroy_decompress(&info); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  jpeg_decompress_struct info{};
};

class Jpeg {
 public:
  explicit Jpeg(Bytes file) {
    info_.err = jpeg_std_error(&failure_.manager);
    failure_.manager.error_exit = leave;
    failure_.manager.emit_message = count_warning;
    failure_.manager.output_message = print_nothing;
    guarded([this] { jpeg_create_decompress(&info_); });
    source_.init_source = start_of_source;
    source_.fill_input_buffer = end_of_source;
    source_.skip_input_data = skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = start_of_source;
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
    source_.bytes_in_buffer = file.size();
    info_.src = &source_;
    monitor_.progress_monitor = count_scans;
    info_.progress = &monitor_;
    guarded([this] {
      jpeg_save_markers(&info_, kApp1, 0xFFFF);
      jpeg_read_header(&info_, TRUE);
    });
    const int colors = info_.num_components;
    if (colors != 1 && colors != 3 && colors != 4)
      throw UnsupportedError("JPEG: {} color components; 1, 3 and 4 are read", colors);
  }
  Jpeg(const Jpeg&) = delete;
  Jpeg& operator=(const Jpeg&) = delete;

  PictureSize size() const {
    return {static_cast<int>(info_.image_width), static_cast<int>(info_.image_height)};
  }

  int orientation() const {
    using namespace std::string_view_literals;
    constexpr auto kExif = "Exif\0\0"sv;
    constexpr auto kXmp = "http://ns.adobe.com/xap/1.0/\0"sv;
    std::string exif;
    std::string_view xmp;
    for (const auto* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      if (marker->marker != kApp1) continue;
      std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
      // EXIF that is longer than a marker goes on in the next.
      if (data.starts_with(kExif)) exif += data.substr(kExif.size());
      if (data.starts_with(kXmp)) xmp = data.substr(kXmp.size());
    }
    const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
    const auto of_exif = exif_orientation(bytes(exif));
    return of_exif ? *of_exif : xmp_orientation(bytes(xmp)).value_or(1);
  }

  Picture decode() {
    Picture picture(size());
    info_.out_color_space = info_.num_components == 1   ? JCS_GRAYSCALE
                            : info_.num_components == 3 ? JCS_RGB
                                                        : JCS_CMYK;
    info_.dct_method = JDCT_ISLOW;
    info_.do_fancy_upsampling = TRUE;
    std::vector<JSAMPLE> row(info_.image_width * static_cast<std::size_t>(info_.num_components));
    JSAMPLE* const samples = row.data();
    guarded([&] {
      jpeg_start_decompress(&info_);
      while (info_.output_scanline < info_.output_height) {
        const auto y = static_cast<int>(info_.output_scanline);
        JSAMPROW to = info_.num_components == 3 ? picture.row(y).data() : samples;
        jpeg_read_scanlines(&info_, &to, 1);
        if (info_.num_components == 1) put_grey(samples, picture.row(y));
        if (info_.num_components == 4) put_inverted_cmyk(samples, picture.row(y));
      }
      jpeg_finish_decompress(&info_);
    });
    return picture;
  }

 private:
  /// Runs what calls libjpeg. Whatever it makes on its stack must need no destructor.
  template <class Body>
  void guarded(const Body& body) {
    if (setjmp(failure_.back) == 0) {
      body();
      return;
    }
    if (failure_.too_many_scans)
      throw ResourceExhausted("JPEG: more than {} scans; at most these are read", max_scans(info_));
    if (failure_.manager.msg_code == JERR_OUT_OF_MEMORY)
      throw ResourceExhausted("JPEG: no memory to decode {} x {} pixels", info_.image_width,
                              info_.image_height);
    throw FormatError("JPEG: damaged or cut off: {}", failure_.message);
  }

  static void put_grey(const JSAMPLE* grey, std::span<std::uint8_t> rgb) {
    for (std::size_t x = 0; x < rgb.size() / 3; ++x) {
      for (std::size_t c = 0; c < 3; ++c) rgb[x * 3 + c] = grey[x];
    }
  }

  /// Inks as Adobe writes them: 255 is none. Pillow takes all of four components for that.
  static void put_inverted_cmyk(const JSAMPLE* inks, std::span<std::uint8_t> rgb) {
    for (std::size_t x = 0; x < rgb.size() / 3; ++x) {
      const int black = inks[x * 4 + 3];
      for (std::size_t c = 0; c < 3; ++c) {
        const int product = (255 - inks[x * 4 + c]) * black + 128;
        rgb[x * 3 + c] = static_cast<std::uint8_t>(black - ((product + (product >> 8)) >> 8));
      }
    }
  }

  Failure failure_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr monitor_{};
  Decompressor decompressor_;
  jpeg_decompress_struct& info_ = decompressor_.info;
};

}  // namespace

StoredPicture jpeg_header(Bytes file) {
  const Jpeg jpeg(file);
  return {jpeg.size(), jpeg.orientation()};
}

Picture decode_jpeg(Bytes file, PictureSize size, std::optional<Color> /*background*/) {
  Jpeg jpeg(file);
  check_same_size(size, jpeg.size().width, jpeg.size().height);
  return jpeg.decode();
}

}  // namespace sirocco::decoders
