#include <png.h>

#include <csetjmp>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/media/exif_orientation.hpp"
#include "sirocco/media/picture_decoders.hpp"

/// PNG by libpng, which sees the chunks that pixels depend on; where the picture is turned to is
/// looked for here.
namespace sirocco::decoders {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kChunkRoom = 12;  ///< length, name and checksum around a chunk's data

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

/// The orientation in an eXIf chunk or, without one, in an XMP packet that isn't compressed; both
/// may stand behind the pixels.
int png_orientation(std::string_view file) {
  constexpr auto kXmp = "XML:com.adobe.xmp\0\0"sv;
  const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  std::optional<int> of_exif;
  std::optional<int> of_xmp;
  file.remove_prefix(8);
  while (file.size() >= kChunkRoom) {
    const std::size_t length = big_endian(file);
    if (length > file.size() - kChunkRoom) break;
    const std::string_view name = file.substr(4, 4);
    const std::string_view data = file.substr(8, length);
    if (name == "eXIf") of_exif = exif_orientation(bytes(data));
    if (name == "iTXt" && data.starts_with(kXmp)) of_xmp = xmp_orientation(bytes(data));
    file.remove_prefix(kChunkRoom + length);
  }
  return of_exif ? *of_exif : of_xmp.value_or(1);
}

/// What libpng calls back to. C code is left by longjmp, so nothing on its way may have a
/// destructor.
struct Callbacks {
  const std::byte* next = nullptr;
  std::size_t left = 0;
  char message[160] = {};
};

[[noreturn]] void leave(png_structp png, png_const_charp message) {
  auto* const callbacks = static_cast<Callbacks*>(png_get_error_ptr(png));
  std::strncpy(callbacks->message, message, sizeof callbacks->message - 1);
  png_longjmp(png, 1);
}
void print_nothing(png_structp, png_const_charp) {}
void read(png_structp png, png_bytep to, std::size_t count) {
  auto* const callbacks = static_cast<Callbacks*>(png_get_io_ptr(png));
  if (count > callbacks->left) png_error(png, "the file ends too early");
  std::memcpy(to, callbacks->next, count);
  callbacks->next += count;
  callbacks->left -= count;
}

/// Gives the memory of libpng back, also when a constructor fails.
struct Structs {
  explicit Structs(Callbacks& callbacks)
      : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &callbacks, leave, print_nothing)),
        info(png == nullptr ? nullptr : png_create_info_struct(png)) {
    if (info != nullptr) return;
    png_destroy_read_struct(&png, &info, nullptr);
    throw ResourceExhausted("PNG: no memory to begin with");
  }
  ~Structs() { png_destroy_read_struct(&png, &info, nullptr); }
  Structs(const Structs&) = delete;
  Structs& operator=(const Structs&) = delete;

  png_structp png;
  png_infop info;
};

class Png {
 public:
  explicit Png(Bytes file) : callbacks_{file.data(), file.size()}, structs_(callbacks_) {
    guarded([this] {
      png_set_read_fn(png_, &callbacks_, read);
      png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
      png_read_info(png_, info_);
    });
  }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

  std::int64_t width() const { return png_get_image_width(png_, info_); }
  std::int64_t height() const { return png_get_image_height(png_, info_); }

  Picture decode(PictureSize size, std::optional<Color> background) {
    const auto row_bytes = static_cast<std::size_t>(size.width) * 4;
    const bool interlaced = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
    const bool wide_grey = png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY &&
                           png_get_bit_depth(png_, info_) == 16;
    if (wide_grey) return decode_wide_grey(size, background, interlaced);
    guarded([this] {
      png_set_expand(png_);
      png_set_strip_16(png_);
      png_set_gray_to_rgb(png_);
      png_set_add_alpha(png_, 0xFF, PNG_FILLER_AFTER);
    });
    Picture picture(size);
    read_rows(row_bytes, size, interlaced, [&](int y, std::span<const std::uint8_t> row) {
      put_rgba_row(row, background, picture.row(y));
    });
    return picture;
  }

 private:
  /// Grey of 16 bits is what Pillow makes of it: the number, 255 at most. (Colors of 16 bits lose
  /// their lower half.)
  Picture decode_wide_grey(PictureSize size, std::optional<Color> background, bool interlaced) {
    guarded([this] {
      png_set_expand(png_);
      png_set_add_alpha(png_, 0xFFFF, PNG_FILLER_AFTER);
    });
    Picture picture(size);
    const auto row_bytes = static_cast<std::size_t>(size.width) * 4;
    read_rows(row_bytes, size, interlaced, [&](int y, std::span<const std::uint8_t> row) {
      const auto rgb = picture.row(y);
      for (std::size_t i = 0; i < rgb.size(); ++i) {
        const std::uint8_t* const pixel = row.data() + i / 3 * 4;
        const std::uint8_t grey = pixel[0] == 0 ? pixel[1] : 255;
        rgb[i] = background ? blended(grey, pixel[2], (*background)[i % 3]) : grey;
      }
    });
    return picture;
  }

  /// Calls `put(y, row)` for each row. Interlaced rows come in seven parts, so all are kept until
  /// the last has come.
  template <class Put>
  void read_rows(std::size_t row_bytes, PictureSize size, bool interlaced, const Put& put) {
    std::size_t given = 0;
    guarded([&] {
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
      given = png_get_rowbytes(png_, info_);
    });
    SIROCCO_CHECK(given == row_bytes);
    const auto rows = static_cast<std::size_t>(interlaced ? size.height : 1);
    std::vector<std::uint8_t> memory(row_bytes * rows);
    std::uint8_t* const begin = memory.data();
    guarded([&] {
      for (int pass = 0; pass < (interlaced ? 7 : 1); ++pass) {
        for (int y = 0; y < size.height; ++y) {
          std::uint8_t* const row = begin + (interlaced ? y : 0) * row_bytes;
          png_read_row(png_, row, nullptr);
          if (!interlaced) put(y, {row, row_bytes});
        }
      }
    });
    for (int y = 0; interlaced && y < size.height; ++y) put(y, {begin + y * row_bytes, row_bytes});
  }

  /// Runs what calls libpng. Whatever it makes on its stack must need no destructor.
  template <class Body>
  void guarded(const Body& body) {
    if (setjmp(png_jmpbuf(png_)) == 0) {
      body();
      return;
    }
    throw FormatError("PNG: damaged or cut off: {}", quoted(callbacks_.message));
  }

  Callbacks callbacks_;
  Structs structs_;
  png_structp png_ = structs_.png;
  png_infop info_ = structs_.info;
};

}  // namespace

StoredPicture png_header(Bytes file) {
  // The first chunk says the size; where it doesn't, libpng says what is wrong.
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.size() < 33 || text.substr(12, 4) != "IHDR")
    throw FormatError("PNG: damaged or cut off: the file has no header");
  const std::uint32_t width = big_endian(text.substr(16));
  const std::uint32_t height = big_endian(text.substr(20));
  if (width > PNG_UINT_31_MAX || height > PNG_UINT_31_MAX)
    throw FormatError("PNG: damaged: a picture of {} x {} pixels", width, height);
  return {{static_cast<int>(width), static_cast<int>(height)}, png_orientation(text)};
}

Picture decode_png(Bytes file, PictureSize size, std::optional<Color> background) {
  Png png(file);
  check_same_size(size, png.width(), png.height());
  return png.decode(size, background);
}

}  // namespace sirocco::decoders
