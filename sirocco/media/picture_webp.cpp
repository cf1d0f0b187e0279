#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/media/exif_orientation.hpp"
#include "sirocco/media/picture_decoders.hpp"

/// WebP by libwebp: the picture, or the first frame of an animation on its canvas.
namespace sirocco::decoders {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

class WebP {
 public:
  explicit WebP(Bytes file) {
    const WebPData data = {reinterpret_cast<const std::uint8_t*>(file.data()), file.size()};
    demuxer_.reset(WebPDemux(&data));
    if (demuxer_ == nullptr) throw FormatError("WebP: damaged or cut off");
  }

  /// At most 2^24 a side.
  PictureSize size() const {
    return {static_cast<int>(feature(WEBP_FF_CANVAS_WIDTH)),
            static_cast<int>(feature(WEBP_FF_CANVAS_HEIGHT))};
  }
  bool has_alpha() const { return (feature(WEBP_FF_FORMAT_FLAGS) & ALPHA_FLAG) != 0; }

  int orientation() const {
    if (const auto found = in_chunk("EXIF", exif_orientation)) return *found;
    return in_chunk("XMP ", xmp_orientation).value_or(1);
  }

  Picture decode(std::optional<Color> background) const {
    const Frame frame(demuxer_.get());
    const WebPIterator& placed = frame.iterator;
    const PictureSize canvas = size();
    if (placed.x_offset < 0 || placed.y_offset < 0 || placed.width < 1 || placed.height < 1 ||
        placed.x_offset > canvas.width - placed.width ||
        placed.y_offset > canvas.height - placed.height) {
      throw FormatError("WebP: damaged: a frame of {} x {} pixels at {}, {} of {} x {}",
                        placed.width, placed.height, placed.x_offset, placed.y_offset, canvas.width,
                        canvas.height);
    }
    const auto stride = static_cast<std::size_t>(placed.width) * 4;
    std::vector<std::uint8_t> rgba(stride * static_cast<std::size_t>(placed.height));
    const WebPData& data = placed.fragment;
    int width = 0;
    int height = 0;
    // The frame's own header could ask for another size than the container's.
    if (WebPGetInfo(data.bytes, data.size, &width, &height) == 0 || width != placed.width ||
        height != placed.height ||
        WebPDecodeRGBAInto(data.bytes, data.size, rgba.data(), rgba.size(),
                           static_cast<int>(stride)) == nullptr) {
      throw FormatError("WebP: damaged or cut off");
    }
    const std::optional<Color> below = has_alpha() ? background : std::nullopt;
    Picture picture(canvas, below.value_or(kBlack));
    for (int y = 0; y < placed.height; ++y) {
      const auto row = picture.row(placed.y_offset + y);
      put_rgba_row(std::span(rgba).subspan(y * stride, stride), below,
                   row.subspan(static_cast<std::size_t>(placed.x_offset) * 3,
                               static_cast<std::size_t>(placed.width) * 3));
    }
    return picture;
  }

 private:
  /// The first frame, which a picture that doesn't move has too.
  struct Frame {
    explicit Frame(const WebPDemuxer* demuxer) {
      if (WebPDemuxGetFrame(demuxer, 1, &iterator) == 0)
        throw FormatError("WebP: damaged: there is no picture in it");
    }
    ~Frame() { WebPDemuxReleaseIterator(&iterator); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    WebPIterator iterator{};
  };

  std::uint32_t feature(WebPFormatFeature which) const {
    return WebPDemuxGetI(demuxer_.get(), which);
  }

  std::optional<int> in_chunk(const char* name,
                              std::optional<int> (*read)(std::span<const std::byte>)) const {
    WebPChunkIterator chunk{};
    std::optional<int> found;
    if (WebPDemuxGetChunk(demuxer_.get(), name, 1, &chunk) != 0)
      found = read(std::as_bytes(std::span(chunk.chunk.bytes, chunk.chunk.size)));
    WebPDemuxReleaseChunkIterator(&chunk);
    return found;
  }

  std::unique_ptr<WebPDemuxer, DeleteDemuxer> demuxer_;
};

}  // namespace

StoredPicture webp_header(Bytes file) {
  const WebP webp(file);
  return {webp.size(), webp.orientation()};
}

Picture decode_webp(Bytes file, PictureSize size, std::optional<Color> background) {
  const WebP webp(file);
  check_same_size(size, webp.size().width, webp.size().height);
  return webp.decode(background);
}

}  // namespace sirocco::decoders
