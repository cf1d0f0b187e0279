#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_decoders.hpp"

/// The first frame of a GIF, on the file's canvas, by giflib, which is asked for that frame only:
/// to have it read a whole file takes memory for all frames.
namespace sirocco::decoders {
namespace {

/// The colors of a frame, one an index.
class Palette {
 public:
  explicit Palette(const ColorMapObject* map) {
    bool greys = true;
    const int count = map == nullptr ? 0 : std::min(map->ColorCount, 256);
    for (int i = 0; i < count; ++i) {
      const GifColorType& color = map->Colors[i];
      colors_[i] = {color.Red, color.Green, color.Blue};
      greys = greys && color.Red == i && color.Green == i && color.Blue == i;
    }
    // As in Pillow: behind the colors all is black; where they are just greys, all is.
    for (int i = count; i < 256 && greys; ++i) colors_[i].fill(static_cast<std::uint8_t>(i));
  }

  const Color& operator[](GifPixelType index) const { return colors_[index]; }

 private:
  std::array<Color, 256> colors_{};
};

struct Close {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

class Gif {
 public:
  explicit Gif(Bytes file) : left_(file) {
    int error = 0;
    gif_.reset(DGifOpen(&left_, read, &error));
    if (gif_ == nullptr) fail(error);
    find_frame();
  }
  Gif(const Gif&) = delete;
  Gif& operator=(const Gif&) = delete;

  /// The canvas, or more where the frame reaches beyond it.
  PictureSize size() const {
    const GifImageDesc& frame = gif_->Image;
    return {std::max(gif_->SWidth, frame.Left + frame.Width),
            std::max(gif_->SHeight, frame.Top + frame.Height)};
  }

  Picture decode(std::optional<Color> background) {
    const GifImageDesc& frame = gif_->Image;
    const Palette palette(frame.ColorMap != nullptr ? frame.ColorMap : gif_->SColorMap);
    const auto shown = [&](GifPixelType index) {
      return background && index == transparent_ ? *background : palette[index];
    };
    Picture picture(size(), shown(static_cast<GifPixelType>(std::max(transparent_, 0))));
    std::vector<GifPixelType> row(static_cast<std::size_t>(frame.Width));
    const auto read_row = [&](int y) {
      if (DGifGetLine(gif_.get(), row.data(), frame.Width) == GIF_ERROR) fail(gif_->Error);
      std::uint8_t* to = picture.row(frame.Top + y).data() + frame.Left * 3;
      for (const GifPixelType index : row) to = std::ranges::copy(shown(index), to).out;
    };
    struct Pass {
      int first;
      int step;
    };
    constexpr std::array kInterlaced = {Pass{0, 8}, Pass{4, 8}, Pass{2, 4}, Pass{1, 2}};
    constexpr std::array kPlain = {Pass{0, 1}};
    const std::span<const Pass> passes =
        frame.Interlace ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kPlain);
    for (const auto [first, step] : passes) {
      for (int y = first; y < frame.Height; y += step) read_row(y);
    }
    return picture;
  }

 private:
  static int read(GifFileType* gif, GifByteType* to, int count) {
    auto& left = *static_cast<Bytes*>(gif->UserData);
    const std::size_t given = std::min(left.size(), static_cast<std::size_t>(std::max(count, 0)));
    if (given > 0) std::memcpy(to, left.data(), given);
    left = left.subspan(given);
    return static_cast<int>(given);
  }

  [[noreturn]] static void fail(int error) {
    const char* const message = GifErrorString(error);
    throw FormatError("GIF: damaged or cut off: {}",
                      quoted(message == nullptr ? "unknown error" : message));
  }

  /// Reads up to the pixels of the first frame.
  void find_frame() {
    for (GifRecordType record = UNDEFINED_RECORD_TYPE; record != IMAGE_DESC_RECORD_TYPE;) {
      if (DGifGetRecordType(gif_.get(), &record) == GIF_ERROR) fail(gif_->Error);
      if (record == TERMINATE_RECORD_TYPE)
        throw FormatError("GIF: damaged: there is no picture in it");
      if (record == EXTENSION_RECORD_TYPE) read_extension();
    }
    if (DGifGetImageDesc(gif_.get()) == GIF_ERROR) fail(gif_->Error);
    if (gif_->Image.Width < 1 || gif_->Image.Height < 1) {
      throw FormatError("GIF: damaged: a frame of {} x {} pixels", gif_->Image.Width,
                        gif_->Image.Height);
    }
  }

  void read_extension() {
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(gif_.get(), &code, &block) == GIF_ERROR) fail(gif_->Error);
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4 && (block[1] & 1) != 0)
      transparent_ = block[4];
    while (block != nullptr) {
      if (DGifGetExtensionNext(gif_.get(), &block) == GIF_ERROR) fail(gif_->Error);
    }
  }

  Bytes left_;
  std::unique_ptr<GifFileType, Close> gif_;
  int transparent_ = NO_TRANSPARENT_COLOR;
};

}  // namespace

StoredPicture gif_header(Bytes file) { return {Gif(file).size()}; }

Picture decode_gif(Bytes file, PictureSize size, std::optional<Color> background) {
  Gif gif(file);
  check_same_size(size, gif.size().width, gif.size().height);
  return gif.decode(background);
}

}  // namespace sirocco::decoders
