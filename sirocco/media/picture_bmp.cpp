#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_decoders.hpp"

/// BMP: headers of OS/2 and of Windows (versions 3 to 5), 1, 4, 8, 16, 24 and 32 bits a pixel, run
/// lengths, bit masks. (Microsoft, "Bitmap Storage"; no library of Debian's reads just this format:
/// netpbm and SDL_image read it among many others.)
namespace sirocco::decoders {
namespace {

enum Compression : std::uint32_t { kPlain = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3 };

/// Bytes of a file, at their places; a FormatError beyond its end.
class Reader {
 public:
  explicit Reader(Bytes file) : file_(file) {}

  Bytes part(std::uint64_t at, std::uint64_t size) const {
    if (at > file_.size() || size > file_.size() - at)
      throw FormatError("BMP: cut off: {} bytes are wanted at {}, but the file has {}", size, at,
                        file_.size());
    return file_.subspan(at, size);
  }
  std::uint32_t u32(std::uint64_t at) const { return number(at, 4); }
  std::uint32_t u16(std::uint64_t at) const { return number(at, 2); }
  /// What there is of a part.
  Bytes up_to(std::uint64_t at, std::uint64_t size) const {
    const std::uint64_t from = std::min<std::uint64_t>(at, file_.size());
    return file_.subspan(from, std::min<std::uint64_t>(size, file_.size() - from));
  }

 private:
  std::uint32_t number(std::uint64_t at, std::size_t size) const {
    const Bytes bytes = part(at, size);
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;)
      value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
    return value;
  }

  Bytes file_;
};

/// The bits of a pixel that are one of its colors, all of them side by side.
class Mask {
 public:
  Mask() = default;
  explicit Mask(std::uint32_t bits)
      : shift_(bits == 0 ? 0 : std::countr_zero(bits)), max_(bits >> shift_) {
    if ((std::uint64_t{max_} & (std::uint64_t{max_} + 1)) != 0)
      throw FormatError("BMP: damaged: the bits {:#x} of a color don't stand together", bits);
  }
  explicit operator bool() const { return max_ != 0; }
  std::uint8_t operator()(std::uint32_t pixel) const {
    if (max_ == 0) return 0;
    return static_cast<std::uint8_t>(std::uint64_t{(pixel >> shift_) & max_} * 255 / max_);
  }

 private:
  int shift_ = 0;
  std::uint32_t max_ = 0;
};

struct Header {
  PictureSize size;
  bool from_top = false;
  std::uint32_t bits = 0;
  std::uint32_t compression = kPlain;
  std::uint64_t pixels_at = 0;
  std::array<Mask, 3> masks;
  Mask alpha;
  std::array<Color, 256> palette{};
};

constexpr std::uint64_t kInfoAt = 14;  ///< where the second header begins

void read_palette(const Reader& file, std::uint64_t at, std::size_t entry, std::uint32_t colors,
                  Header& header) {
  const Bytes bytes = file.up_to(at, entry * std::min<std::uint32_t>(colors, 256));
  for (std::size_t i = 0; i < bytes.size() / entry; ++i) {
    for (std::size_t c = 0; c < 3; ++c)
      header.palette[i][c] = std::to_integer<std::uint8_t>(bytes[i * entry + 2 - c]);
  }
}

void read_masks(const Reader& file, std::uint32_t info_size, Header& header) {
  constexpr std::uint64_t kMasksAt = kInfoAt + 40;
  if (header.compression == kMasks) {
    std::array<std::uint32_t, 4> bits{};
    for (std::size_t c = 0; c < 3; ++c) bits[c] = file.u32(kMasksAt + c * 4);
    if (info_size >= 56) bits[3] = file.u32(kMasksAt + 12);
    if (header.bits == 32 && bits == std::array<std::uint32_t, 4>{})
      bits = {0xFF0000, 0xFF00, 0xFF, 0xFF000000};
    for (std::size_t c = 0; c < 3; ++c) header.masks[c] = Mask(bits[c]);
    header.alpha = Mask(bits[3]);
  } else if (header.bits == 16) {
    header.masks = {Mask(0x7C00), Mask(0x3E0), Mask(0x1F)};
  } else {
    header.masks = {Mask(0xFF0000), Mask(0xFF00), Mask(0xFF)};
  }
}

Header read_header(const Reader& file) {
  Header header;
  const std::uint32_t info_size = file.u32(kInfoAt);
  std::uint32_t colors = 0;
  const bool core = info_size == 12;
  if (core) {
    header.size = {static_cast<int>(file.u16(kInfoAt + 4)),
                   static_cast<int>(file.u16(kInfoAt + 6))};
    header.bits = file.u16(kInfoAt + 10);
  } else if (std::ranges::count(std::array{40u, 52u, 56u, 64u, 108u, 124u}, info_size) == 1) {
    const std::int64_t width = static_cast<std::int32_t>(file.u32(kInfoAt + 4));
    const std::int64_t height = static_cast<std::int32_t>(file.u32(kInfoAt + 8));
    header.from_top = height < 0;
    if (width < 1 || height == 0 || height == INT32_MIN)
      throw FormatError("BMP: damaged: a picture of {} x {} pixels", width, height);
    header.size = {static_cast<int>(width), static_cast<int>(height < 0 ? -height : height)};
    header.bits = file.u16(kInfoAt + 14);
    header.compression = file.u32(kInfoAt + 16);
    colors = file.u32(kInfoAt + 32);
  } else {
    throw UnsupportedError("BMP: a header of {} bytes; 12, 40, 52, 56, 64, 108 and 124 are read",
                           info_size);
  }
  const std::uint32_t bits = header.bits;
  if (std::ranges::count(std::array{1u, 4u, 8u, 16u, 24u, 32u}, bits) == 0)
    throw UnsupportedError("BMP: {} bits a pixel; 1, 4, 8, 16, 24 and 32 are read", bits);
  const bool fits = header.compression == kPlain || (header.compression == kRuns8 && bits == 8) ||
                    (header.compression == kRuns4 && bits == 4) ||
                    (header.compression == kMasks && bits >= 16);
  if (!fits)
    throw UnsupportedError("BMP: compression {} of {} bits a pixel isn't read", header.compression,
                           bits);

  const std::uint64_t entry = core ? 3 : 4;
  if (colors == 0) colors = bits <= 8 ? 1u << bits : 0;
  const std::uint64_t palette_at = kInfoAt + info_size;
  header.pixels_at = file.u32(10);
  if (header.pixels_at == 0 || (header.pixels_at == palette_at && bits <= 8))
    header.pixels_at = palette_at + (bits <= 8 ? entry * colors : 0);
  if (bits <= 8) read_palette(file, palette_at, entry, colors, header);
  read_masks(file, info_size, header);
  return header;
}

class Decoder {
 public:
  Decoder(Bytes file, std::optional<Color> background)
      : file_(file), header_(read_header(file_)), background_(background), picture_(header_.size) {}

  Picture decode() {
    if (header_.compression == kRuns8 || header_.compression == kRuns4) {
      decode_runs();
    } else {
      decode_plain();
    }
    return std::move(picture_);
  }

  const Header& header() const { return header_; }

 private:
  /// A row by its number in the file.
  std::span<std::uint8_t> row(int stored) {
    return picture_.row(header_.from_top ? stored : header_.size.height - 1 - stored);
  }

  void put(std::span<std::uint8_t> row, std::int64_t x, const Color& color) {
    std::ranges::copy(color, row.begin() + x * 3);
  }

  void decode_plain() {
    const auto width = static_cast<std::uint64_t>(header_.size.width);
    const std::uint64_t used = (width * header_.bits + 7) / 8;
    const std::uint64_t stride = (width * header_.bits + 31) / 32 * 4;
    for (int y = 0; y < header_.size.height; ++y) {
      const Bytes bytes =
          file_.part(header_.pixels_at + stride * static_cast<std::uint64_t>(y), used);
      if (header_.bits <= 8) {
        put_indices(bytes, row(y));
      } else {
        put_colors(bytes, row(y));
      }
    }
  }

  void put_indices(Bytes bytes, std::span<std::uint8_t> to) {
    const std::uint32_t per_byte = 8 / header_.bits;
    const std::uint32_t mask = (1u << header_.bits) - 1;
    for (std::int64_t x = 0; x < header_.size.width; ++x) {
      const auto byte = std::to_integer<std::uint32_t>(bytes[x / per_byte]);
      const std::uint32_t shift =
          (per_byte - 1 - static_cast<std::uint32_t>(x % per_byte)) * header_.bits;
      put(to, x, header_.palette[byte >> shift & mask]);
    }
  }

  void put_colors(Bytes bytes, std::span<std::uint8_t> to) {
    const std::size_t size = header_.bits / 8;
    for (std::int64_t x = 0; x < header_.size.width; ++x) {
      std::uint32_t pixel = 0;
      for (std::size_t i = size; i-- > 0;)
        pixel = pixel << 8 | std::to_integer<std::uint32_t>(bytes[x * size + i]);
      Color color = {header_.masks[0](pixel), header_.masks[1](pixel), header_.masks[2](pixel)};
      if (background_ && header_.alpha) {
        for (std::size_t c = 0; c < 3; ++c)
          color[c] = blended(color[c], header_.alpha(pixel), (*background_)[c]);
      }
      put(to, x, color);
    }
  }

  /// Pairs of a count and an index, or of 0 and what to do. What no pair reaches has index 0.
  void decode_runs() {
    for (int y = 0; y < header_.size.height; ++y) {
      for (int x = 0; x < header_.size.width; ++x) put(row(y), x, header_.palette[0]);
    }
    const bool halves = header_.compression == kRuns4;
    std::uint64_t at = header_.pixels_at;
    std::int64_t x = 0;
    std::int64_t y = 0;
    const auto put_next = [&](std::uint32_t index) {
      if (x < header_.size.width) put(row(static_cast<int>(y)), x, header_.palette[index]);
      ++x;
    };
    const auto half = [&](std::uint32_t byte, std::uint32_t i) {
      return !halves ? byte : i % 2 == 0 ? byte >> 4 : byte & 15;
    };
    while (y < header_.size.height) {
      const Bytes pair = file_.part(at, 2);
      const auto count = std::to_integer<std::uint32_t>(pair[0]);
      const auto value = std::to_integer<std::uint32_t>(pair[1]);
      at += 2;
      if (count > 0) {
        for (std::uint32_t i = 0; i < count; ++i) put_next(half(value, i));
      } else if (value == 0) {
        x = 0;
        ++y;
      } else if (value == 1) {
        return;
      } else if (value == 2) {
        const Bytes step = file_.part(at, 2);
        x += std::to_integer<std::int64_t>(step[0]);
        y += std::to_integer<std::int64_t>(step[1]);
        at += 2;
      } else {
        const std::uint32_t size = halves ? (value + 1) / 2 : value;
        const Bytes indices = file_.part(at, size);
        for (std::uint32_t i = 0; i < value; ++i)
          put_next(half(std::to_integer<std::uint32_t>(indices[halves ? i / 2 : i]), i));
        at += size + size % 2;
      }
      // A last row may lack its end.
      if (y == header_.size.height - 1 && x >= header_.size.width) return;
    }
  }

  Reader file_;
  Header header_;
  std::optional<Color> background_;
  Picture picture_;
};

}  // namespace

StoredPicture bmp_header(Bytes file) { return {read_header(Reader(file)).size}; }

Picture decode_bmp(Bytes file, PictureSize size, std::optional<Color> background) {
  Decoder decoder(file, background);
  check_same_size(size, decoder.header().size.width, decoder.header().size.height);
  return decoder.decode();
}

}  // namespace sirocco::decoders
