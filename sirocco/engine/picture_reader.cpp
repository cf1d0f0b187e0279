#include "sirocco/engine/picture_reader.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

const PictureEncoderInfo& info_of(const MultimodalPipeline& pipeline) {
  const AnyPictureEncoder* const encoder = pipeline.encoders().pictures();
  if (encoder == nullptr) throw UnsupportedError("the model doesn't see");
  return encoder->info();
}

}  // namespace

PictureReader::PictureReader(std::shared_ptr<const MultimodalPipeline> pipeline,
                             PictureSettings settings)
    : pipeline_(std::move(pipeline)),
      processor_(std::move(settings)),
      marks_(picture_marks(info_of(*pipeline_).projector)) {}

ReadPicture PictureReader::read(std::span<const std::byte> file,
                                const PictureLimits& limits) const {
  const PictureHeader header = read_picture_header(file, limits);
  // Before there is memory for pixels.
  static_cast<void>(processor_.plan(header.size));
  return prepared(decode_picture(file, limits, kWhite));
}

ReadPicture PictureReader::prepared(const Picture& picture) const {
  const PictureEncoderInfo& info = info_of(*pipeline_);
  const PreparedPicture made = processor_.prepare(picture);
  std::vector<EncoderTile> tiles;
  for (const PictureTile& tile : made.tiles) {
    tiles.push_back(cut_into_patches(tile.planes, info.channels, tile.size.height, tile.size.width,
                                     info.patch));
  }
  return {pipeline_->picture(std::move(tiles)), made.layout};
}

std::vector<PromptMark> PictureReader::marks_of(const ReadPicture& picture) const {
  TiledPicture tiled{.rows = picture.layout.rows,
                     .columns = picture.layout.columns,
                     .whole = picture.layout.whole,
                     .width = picture.layout.original.width,
                     .height = picture.layout.original.height,
                     .has_newline = picture.input->has_newline()};
  for (std::size_t tile = 0; tile < picture.input->pieces().size(); ++tile) {
    tiled.first_rows.push_back(picture.input->first_row(tile));
    tiled.grids.push_back(picture.input->pieces()[tile].row_grid);
  }
  tiled.first_rows.push_back(picture.input->rows());
  return marks_.expand(tiled);
}

}  // namespace sirocco
